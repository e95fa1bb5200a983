import { IntlMessageFormat } from 'intl-messageformat'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  because,
  gapsOf,
  inWords,
  REASONS,
  technical,
  type Reason,
  type ReasonKey,
} from '../../engine/protocol/reasons.ts'
import { ErrorDetails, RpcError } from '../../engine/protocol/rpc.ts'
import type { Translate } from '../stores/locale.ts'
import { errorText } from './error-text.ts'
import { faultText } from './fault-text.ts'
import { MESSAGES, type Locale } from './messages.ts'
import { reasonText } from './reason-text.ts'

const translate =
  (locale: Locale): Translate =>
  (key, values) =>
    String(new IntlMessageFormat(MESSAGES[locale][key], locale).format(values))
const english = translate('en')
const german = translate('de')
const KEYS = Object.keys(REASONS) as ReasonKey[]

/** A reason with something to be known again in each gap. */
const sample = (key: ReasonKey): Reason => ({
  key,
  values: Object.fromEntries([...gapsOf(REASONS[key])].map((name) => [name, `<${name}> {1}`])),
})

describe('a reason', () => {
  it.each(KEYS)('%s is in the English window what it is on the command line', (key) => {
    expect(reasonText(sample(key), english)).toBe(inWords(sample(key)))
  })

  it.each(KEYS)('%s says all that it holds in German too', (key) => {
    const text = reasonText(sample(key), german)
    for (const value of Object.values(sample(key).values)) expect(text).toContain(value)
    expect(gapsOf(MESSAGES.de[`reason.${key}`])).toEqual(gapsOf(REASONS[key]))
  })

  it('is told with its cause in the same language', () => {
    const reason = because('child-missing', {
      role: because('role-image'),
      name: '"a.img"',
      path: '/vm/a.img',
    })
    expect(reasonText(reason, german)).toBe('das Abbild "a.img" fehlt: /vm/a.img gibt es nicht')
  })

  it('quotes what is technical where the rest is not English', () => {
    const reason = because('header-damaged', {
      format: 'qcow2',
      detail: technical('an L1 table of 0 entries'),
    })
    expect(reasonText(reason, english)).toBe('its qcow2 header is damaged: an L1 table of 0 entries')
    expect(reasonText(reason, german)).toBe(
      'der Kopf des Formats qcow2 ist beschädigt: „an L1 table of 0 entries“',
    )
  })
})

describe('an error', () => {
  it('has its reason in the language of the interface', () => {
    const error = new RpcError('file-unusable', { path: '/a.img', reason: because('file-empty') })
    expect(errorText(error, german)).toBe('Die Datei /a.img ist nicht benutzbar: sie ist leer.')
    expect(error.message).toContain('it is empty; give a file with contents')
  })

  it('names who holds a machine', () => {
    const holder = because('machine-held', { process: 7, host: 'elsewhere' })
    expect(errorText(new RpcError('vm-locked', { id: 'dos', holder }), german)).toContain(
      'Prozess 7 auf elsewhere',
    )
    expect(errorText(new RpcError('vm-locked', { id: 'dos', holder: '/run/lock' }), german)).toContain(
      '/run/lock',
    )
  })

  it('of another version, in words, is shown as it is', () => {
    const details = v.parse(ErrorDetails, { path: '/a.img', reason: 'it is odd' })
    expect(errorText(new RpcError('file-unusable', details), german)).toBe(
      'Die Datei /a.img ist nicht benutzbar: „it is odd“.',
    )
  })
})

it('what of the host failed a machine is told in the language of the interface', () => {
  const fault = {
    drive: 'ide0-master',
    operation: 'write',
    path: '/a.img',
    kind: 'io',
    reason: because('file-not-written', { code: 'EIO' }),
  } as const
  expect(faultText(fault, german)).toContain('sie lässt sich nicht schreiben (EIO)')
})
