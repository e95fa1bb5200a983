import { because } from '../../protocol/reasons.ts'
import type { ImportDraft } from './draft.ts'
import { attributeOf, elementsAt, type XmlElement } from './xml.ts'

const UNITS: Record<string, number> = {
  b: 2 ** -20,
  bytes: 2 ** -20,
  k: 2 ** -10,
  kib: 2 ** -10,
  m: 1,
  mib: 1,
  g: 1024,
  gib: 1024,
  kb: 1000 / 2 ** 20,
  mb: 1e6 / 2 ** 20,
  gb: 1e9 / 2 ** 20,
}
const KINDS: Record<string, 'disk' | 'cdrom' | 'floppy'> = { disk: 'disk', cdrom: 'cdrom', floppy: 'floppy' }
const BOOT: Record<string, 'floppy' | 'cdrom' | 'disk'> = { fd: 'floppy', cdrom: 'cdrom', hd: 'disk' }
const FORMATS = ['raw', 'qcow2', 'vdi', 'vmdk', 'vhdx'] as const
/** Devices that stand for parts of the machine that are always here. */
const QUIET = new Set([
  'emulator',
  'disk',
  'controller',
  'input',
  'memballoon',
  'console',
  'serial',
  'interface',
  'sound',
  'audio',
  'video',
  'graphics',
])

/** A domain of libvirt. @see https://libvirt.org/formatdomain.html */
export function readLibvirt(domain: XmlElement, draft: ImportDraft): string | null {
  draft.name = elementsAt(domain, 'name')[0]?.text.trim() ?? ''
  draft.notes = elementsAt(domain, 'description')[0]?.text.trim() ?? ''
  const [memory] = elementsAt(domain, 'memory')
  if (memory) {
    const unit = attributeOf(memory, 'unit') || 'KiB'
    draft.setMemory(
      `memory ${memory.text.trim()} ${unit}`,
      Number(memory.text) * (UNITS[unit.toLowerCase()] ?? Number.NaN),
    )
  }
  const [processors] = elementsAt(domain, 'vcpu')
  if (processors) draft.setProcessors(`${processors.text.trim()} vCPU`, Number(processors.text))
  const [os] = elementsAt(domain, 'os')
  if (os) readOs(os, draft)
  const [devices] = elementsAt(domain, 'devices')
  if (!devices) return null
  for (const disk of elementsAt(devices, 'disk')) readDisk(disk, draft)
  for (const one of elementsAt(devices, 'interface'))
    draft.setNetwork(
      `network ${attributeOf(one, 'type')} ${attributeOf(elementsAt(one, 'model')[0], 'type')}`.trim(),
    )
  for (const one of elementsAt(devices, 'sound')) draft.setSound(`sound ${attributeOf(one, 'model')}`)
  for (const one of elementsAt(devices, 'video'))
    draft.setDisplay(`video ${attributeOf(elementsAt(one, 'model')[0], 'type')}`)
  const serial = elementsAt(devices, 'serial').length
  if (serial > 0) {
    draft.serialPorts = Math.min(serial, 4)
    draft.mapped(`${serial} serial ports`, because('import-serial-ports', { count: draft.serialPorts }))
  }
  for (const { name } of devices.children)
    if (!QUIET.has(name)) draft.dropped(`device ${name}`, 'import-none-here')
  return null
}

function readOs(os: XmlElement, draft: ImportDraft): void {
  const [type] = elementsAt(os, 'type')
  const arch = attributeOf(type, 'arch')
  if (arch && !/^i[3-6]86$/.test(arch))
    draft.substituted(`architecture ${arch}`, 'import-pc-32-bit', 'import-no-64-bit')
  const machine = attributeOf(type, 'machine')
  if (machine && !/i440fx|^pc(-\d|$)/.test(machine))
    draft.substituted(`machine type ${machine}`, 'import-pc-440fx', 'import-one-board')
  if (elementsAt(os, 'loader').length > 0 || attributeOf(os, 'firmware') === 'efi')
    draft.dropped('firmware EFI', 'import-bios-only')
  const order = elementsAt(os, 'boot').flatMap((one) => BOOT[attributeOf(one, 'dev')] ?? [])
  if (order.length === 0) return
  draft.boot = order
  draft.mapped('boot order', because('import-plain', { text: order.join(', ') }))
}

function readDisk(disk: XmlElement, draft: ImportDraft): void {
  const kind = KINDS[attributeOf(disk, 'device') || 'disk']
  const bus = attributeOf(elementsAt(disk, 'target')[0], 'bus')
  const item = `${attributeOf(disk, 'device') || 'disk'} ${attributeOf(elementsAt(disk, 'target')[0], 'dev')} (${bus || 'ide'})`
  const [source] = elementsAt(disk, 'source')
  const path = attributeOf(source, 'file') || null
  if (!kind) return draft.dropped(item, 'import-no-such-drive')
  if (source && path === null) return draft.dropped(item, 'import-source-no-file')
  if (kind === 'disk' && path === null) return draft.dropped(item, 'import-no-source')
  const format = FORMATS.find((name) => name === attributeOf(elementsAt(disk, 'driver')[0], 'type'))
  const readonly = elementsAt(disk, 'readonly').length > 0
  const isVirtio = bus === 'virtio' && kind === 'disk'
  const isKnown = ['', 'ide', 'fdc'].includes(bus) || isVirtio
  const drive = {
    kind,
    path,
    readonly,
    ...(format && kind === 'disk' && { format }),
    ...(isVirtio && { bus: 'virtio' as const }),
  }
  draft.addDrive(item, drive, isKnown ? null : 'import-other-controller')
}
