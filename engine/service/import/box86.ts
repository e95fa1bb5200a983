import type { MachineConfigInput } from '../../protocol/machine-config.ts'
import { because } from '../../protocol/reasons.ts'
import type { ImportDraft } from './draft.ts'

/** Families of 86Box's processors by what comes nearest. */
const MODELS: [RegExp, NonNullable<MachineConfigInput['cpuModel']>][] = [
  [/pentium3|celeron_(tualatin|coppermine)/, 'pentium3'],
  [/pentium2|celeron|pentiumpro/, 'pentium2'],
  [/pentium|k5|k6|winchip|c6x86|5k86/, 'pentium'],
  [/486|5x86|am486/, '486'],
  [/^(?!.*386).*286/, '286'],
  [/808[68]|8018[68]|nec_?v/, '8086'],
]

/** A machine of 86Box (86box.cfg), a file of sections with `name = value`. */
export function read86Box(text: string, draft: ImportDraft): string | null {
  const sections = sectionsOf(text)
  const machine = sections.get('Machine')
  if (!machine) return 'it has no section [Machine]'
  draft.name = '86Box machine'
  const board = machine.get('machine') ?? ''
  draft.substituted(`machine ${board}`, 'import-pc-440fx', 'import-one-board')
  const memory = machine.get('mem_size')
  if (memory) draft.setMemory(`mem_size ${memory} KB`, Number(memory) / 1024)
  const family = machine.get('cpu_family') ?? ''
  draft.cpuModel = MODELS.find(([pattern]) => pattern.test(family))?.[1] ?? '386'
  if (family)
    draft.substituted(
      `processor ${family}`,
      because('import-plain', { text: draft.cpuModel }),
      'import-own-speed',
    )
  const drives = new Map(
    [...sections].filter(([name]) => /drives|disks/i.test(name)).flatMap(([, values]) => [...values]),
  )
  for (let number = 1; number <= 4; number++) readFloppy(number, drives, draft)
  for (let number = 1; number <= 8; number++) readDisk(number, drives, draft)
  for (let number = 1; number <= 4; number++) readCdrom(number, drives, draft)
  const video = sections.get('Video')?.get('gfxcard')
  if (video && video !== 'none') draft.setDisplay(`video ${video}`)
  const sound = sections.get('Sound')?.get('sndcard')
  if (sound && sound !== 'none') draft.setSound(`sound ${sound}`)
  for (const [name, value] of sections.get('Network') ?? [])
    if (/net_\d+_card|net_card/.test(name) && value !== 'none') draft.setNetwork(`network ${value}`)
  return null
}

type Values = ReadonlyMap<string, string>

function sectionsOf(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let current = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, section] = /^\s*\[(.+)\]\s*$/.exec(line) ?? []
    const [, name, value] = /^\s*([\w-]+)\s*=(.*)$/.exec(line) ?? []
    if (section) sections.set(section, (current = new Map<string, string>()))
    else if (name) current.set(name, value!.trim().replace(/^"(.*)"$/, '$1'))
  }
  return sections
}

const padded = (number: number): string => String(number).padStart(2, '0')

function readFloppy(number: number, values: Values, draft: ImportDraft): void {
  const key = `fdd_${padded(number)}`
  const type = values.get(`${key}_type`)
  if (!type || type === 'none') return
  const path = values.get(`${key}_fn`) || null
  draft.addDrive(`floppy ${number} (${type})`, {
    kind: 'floppy',
    path,
    readonly: values.get(`${key}_writeprot`) === '1',
  })
}

function readDisk(number: number, values: Values, draft: ImportDraft): void {
  const key = `hdd_${padded(number)}`
  const parameters = values.get(`${key}_parameters`)
  if (!parameters) return
  const [sectors, heads, cylinders, , bus = ''] = parameters.split(',').map((part) => part.trim())
  const path = values.get(`${key}_fn`) || null
  const item = `hard disk ${number} (${bus})`
  if (path === null) return draft.dropped(item, 'import-no-image')
  const geometry = { cylinders: Number(cylinders), heads: Number(heads), sectors: Number(sectors) }
  const fits = geometry.cylinders <= 65_535 && geometry.heads <= 16 && geometry.sectors <= 63
  draft.addDrive(
    item,
    { kind: 'disk', path, ...(fits && { geometry }) },
    bus === 'ide' ? null : 'import-other-controller',
  )
}

function readCdrom(number: number, values: Values, draft: ImportDraft): void {
  const key = `cdrom_${padded(number)}`
  const parameters = values.get(`${key}_parameters`)
  if (!parameters || /none/.test(parameters)) return
  const path = values.get(`${key}_image_path`) || null
  draft.addDrive(
    `CD-ROM ${number}`,
    { kind: 'cdrom', path },
    /atapi|ide/.test(parameters) ? null : 'import-other-controller',
  )
}
