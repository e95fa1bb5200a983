import { DISK_FORMATS } from '../../protocol/machine-config.ts'
import { because } from '../../protocol/reasons.ts'
import type { ImportDraft } from './draft.ts'

/** Options without a value. */
const FLAGS = new Set([
  '-enable-kvm',
  '-nographic',
  '-no-reboot',
  '-no-shutdown',
  '-snapshot',
  '-S',
  '-s',
  '-no-acpi',
  '-no-hpet',
  '-nodefaults',
  '-usb',
  '-full-screen',
  '-daemonize',
  '-no-fd-bootchk',
  '-win2k-hack',
])
/** Options that say how QEMU runs, not what the machine is. */
const ABOUT_RUNNING =
  /^-(display|vnc|spice|monitor|qmp|pidfile|accel|enable-kvm|daemonize|nographic|chardev|mon|D|d|full-screen|S|s|gdb|no-reboot|no-shutdown|nodefaults)$/
const BOOT: Record<string, 'floppy' | 'cdrom' | 'disk'> = { a: 'floppy', c: 'disk', d: 'cdrom' }

/** A command line of qemu-system, as a shell reads it. */
export function readQemuCommand(text: string, draft: ImportDraft): string | null {
  const words = shellWords(text)
  const start = words.findIndex((word) => /(^|\/)(qemu-system-\w+|qemu|kvm)(\.exe)?$/.test(word))
  if (start < 0) return 'it has no qemu-system in it'
  draft.name = 'QEMU machine'
  const program = words[start]!.split('/').at(-1)!
  if (!/i386|x86_64|kvm|^qemu$/.test(program)) return `${program} is no PC`
  if (program.includes('x86_64')) draft.substituted(program, 'import-pc-32-bit', 'import-no-64-bit')
  for (let at = start + 1; at < words.length; at++) {
    const word = words[at]!.replace(/^--/, '-')
    if (!word.startsWith('-')) draft.addDrive(word, { kind: 'disk', path: word })
    else if (FLAGS.has(word)) readOption(word, '', draft)
    else readOption(word, words[++at] ?? '', draft)
  }
  return null
}

function readOption(option: string, value: string, draft: ImportDraft): void {
  const item = `${option} ${value}`.trim()
  const [first = ''] = value.split(',')
  switch (option) {
    case '-m':
      return draft.setMemory(item, mibOf(propertiesOf(value, 'size').get('size') ?? ''))
    case '-smp':
      return draft.setProcessors(item, Number(propertiesOf(value, 'cpus').get('cpus') ?? 1))
    case '-name':
      draft.name = propertiesOf(value, 'guest').get('guest') || draft.name
      return draft.mapped(item, because('import-plain', { text: draft.name }))
    case '-hda':
    case '-hdb':
    case '-hdc':
    case '-hdd':
      return draft.addDrive(item, { kind: 'disk', path: value })
    case '-cdrom':
      return draft.addDrive(item, { kind: 'cdrom', path: value })
    case '-fda':
    case '-fdb':
      return draft.addDrive(item, { kind: 'floppy', path: value })
    case '-drive':
      return readDrive(item, propertiesOf(value, 'file'), draft)
    case '-boot': {
      const order = [...(propertiesOf(value, 'order').get('order') ?? '')].flatMap(
        (letter) => BOOT[letter] ?? [],
      )
      if (order.length === 0) return draft.dropped(item, 'import-no-drive-named')
      draft.boot = order
      return draft.mapped(item, because('import-plain', { text: order.join(', ') }))
    }
    case '-cpu':
      return readCpu(item, first, draft)
    case '-machine':
    case '-M':
      if (/^(pc|pc-i440fx.*|type=pc)$/.test(first)) return draft.mapped(item, 'import-pc-440fx')
      return draft.substituted(item, 'import-pc-440fx', 'import-one-board')
    case '-vga':
      return draft.setDisplay(item)
    case '-net':
    case '-netdev':
    case '-nic':
      return draft.setNetwork(item)
    case '-soundhw':
    case '-audio':
    case '-audiodev':
      return draft.setSound(item)
    default:
      if (ABOUT_RUNNING.test(option)) return draft.dropped(item, 'import-of-qemu')
      draft.dropped(item, 'import-nothing-alike')
  }
}

function readCpu(item: string, model: string, draft: ImportDraft): void {
  const known = ({ '486': '486', pentium: 'pentium', pentium2: 'pentium2', pentium3: 'pentium3' } as const)[
    model
  ]
  draft.cpuModel = known ?? 'max'
  if (known) draft.mapped(item, because('import-plain', { text: known }))
  else draft.substituted(item, 'import-most-here', 'import-processors-here')
}

function readDrive(item: string, properties: ReadonlyMap<string, string>, draft: ImportDraft): void {
  const path = properties.get('file') || null
  const bus = properties.get('if') ?? 'ide'
  const kind = bus === 'floppy' ? 'floppy' : properties.get('media') === 'cdrom' ? 'cdrom' : 'disk'
  if (/^(pflash|none|mtd|sd)$/.test(bus)) return draft.dropped(item, 'import-no-such-drive')
  if (path === null && kind === 'disk') return draft.dropped(item, 'import-no-file-named')
  if (path !== null && /^(nbd|https?|ssh|iscsi|rbd|gluster|json|fat):/.test(path))
    return draft.dropped(item, 'import-no-local-file')
  const format = DISK_FORMATS.find((name) => name === properties.get('format'))
  const isVirtio = bus === 'virtio' && kind === 'disk'
  const drive = {
    kind,
    path,
    readonly: /^on$/.test(properties.get('readonly') ?? properties.get('read-only') ?? ''),
    ...(format && kind === 'disk' && { format }),
    ...(isVirtio && { bus: 'virtio' as const }),
  } as const
  draft.addDrive(item, drive, ['ide', 'floppy'].includes(bus) || isVirtio ? null : 'import-other-controller')
}

/** "file=a.img,if=ide" by names; a doubled comma is one of the value. @param usual name of a first value without one */
function propertiesOf(text: string, usual: string): Map<string, string> {
  const parts = text.split(/,(?!,)(?<=(?<!,)(?:,,)*,)/)
  return new Map(
    parts.map((part, index): [string, string] => {
      const plain = part.replaceAll(',,', ',')
      const equals = plain.indexOf('=')
      if (equals < 0) return [index === 0 ? usual : plain, index === 0 ? plain : 'on']
      return [plain.slice(0, equals), plain.slice(equals + 1)]
    }),
  )
}

/** MiB of "512", "512M" or "2G". */
function mibOf(text: string): number | null {
  const [, number, unit = 'M'] = /^(\d+(?:\.\d+)?)([KMGT]?)i?B?$/i.exec(text) ?? []
  if (number === undefined) return null
  return Number(number) * 1024 ** ('KMGT'.indexOf((unit || 'M').toUpperCase()) - 1)
}

/** Words as a POSIX shell splits them, with quotes and continued lines; nothing is expanded. */
export function shellWords(text: string): string[] {
  const words: string[] = []
  const token = /\s*(?:\\\r?\n\s*)*((?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+)/gy
  for (const [, word] of text.matchAll(token))
    words.push(
      word!.replaceAll(
        /"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])/g,
        (_, double: string, single: string, escaped: string) =>
          double === undefined
            ? (single ?? (escaped === '\n' ? '' : escaped))
            : double.replaceAll(/\\([$`"\\])/g, '$1'),
      ),
    )
  return words
}
