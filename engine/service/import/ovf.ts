import type { ImportDraft } from './draft.ts'
import { elementsAt, attributeOf, type XmlElement } from './xml.ts'

/** Resource types of CIM_ResourceAllocationSettingData. */
const TYPE = {
  processor: 3,
  memory: 4,
  ide: 5,
  scsi: 6,
  ethernet: 10,
  floppy: 14,
  cd: 15,
  dvd: 16,
  disk: 17,
  sata: 20,
  usb: 23,
  graphics: 24,
  sound: 35,
} as const

/** A virtual system of an OVF package. @see DMTF DSP0243 2.1 */
export function readOvf(envelope: XmlElement, draft: ImportDraft): string | null {
  const systems = [
    ...elementsAt(envelope, 'VirtualSystem'),
    ...elementsAt(envelope, 'VirtualSystemCollection', 'VirtualSystem'),
  ]
  const [system] = systems
  if (!system) return 'it has no virtual system'
  if (systems.length > 1) draft.dropped(`${systems.length - 1} more virtual systems`, 'import-first-system')
  draft.name = elementsAt(system, 'Name')[0]?.text.trim() || attributeOf(system, 'id')
  draft.notes = elementsAt(system, 'AnnotationSection', 'Annotation')[0]?.text.trim() ?? ''
  const files = new Map(
    elementsAt(envelope, 'References', 'File').map((file) => [
      attributeOf(file, 'id'),
      attributeOf(file, 'href'),
    ]),
  )
  const disks = new Map(
    elementsAt(envelope, 'DiskSection', 'Disk').map((disk) => [
      attributeOf(disk, 'diskId'),
      files.get(attributeOf(disk, 'fileRef')) ?? null,
    ]),
  )
  const hardware = elementsAt(system, 'VirtualHardwareSection')
  const items = hardware.flatMap((section) =>
    section.children.filter(
      ({ name }) => name === 'Item' || name === 'StorageItem' || name === 'EthernetPortItem',
    ),
  )
  const byId = new Map(items.map((item) => [value(item, 'InstanceID'), item]))
  for (const item of items) readItem(item, byId, disks, files, draft)
  return null
}

const value = (item: XmlElement, name: string): string => elementsAt(item, name)[0]?.text.trim() ?? ''

function readItem(
  item: XmlElement,
  byId: ReadonlyMap<string, XmlElement>,
  disks: ReadonlyMap<string, string | null>,
  files: ReadonlyMap<string, string>,
  draft: ImportDraft,
): void {
  const type = Number(value(item, 'ResourceType'))
  const name =
    value(item, 'ElementName') || value(item, 'Caption') || value(item, 'Description') || `resource ${type}`
  const quantity = Number(value(item, 'VirtualQuantity') || 1)
  switch (type) {
    case TYPE.memory:
      return draft.setMemory(
        `${name}: ${quantity} ${value(item, 'AllocationUnits') || 'MB'}`,
        quantity * mibOf(value(item, 'AllocationUnits')),
      )
    case TYPE.processor:
      return draft.setProcessors(`${name}: ${quantity} CPU`, quantity)
    case TYPE.ide:
    case TYPE.scsi:
    case TYPE.sata:
      return // controllers are told with their drives
    case TYPE.ethernet:
      return draft.setNetwork(name)
    case TYPE.sound:
      return draft.setSound(name)
    case TYPE.graphics:
      return draft.setDisplay(name)
    case TYPE.usb:
      return draft.dropped(name, 'import-no-usb')
    case TYPE.floppy:
    case TYPE.cd:
    case TYPE.dvd:
    case TYPE.disk: {
      const kind = type === TYPE.floppy ? 'floppy' : type === TYPE.disk ? 'disk' : 'cdrom'
      const resource = value(item, 'HostResource').replace(/^ovf:\/?/, '')
      const [, of, id = ''] = /^\/?(disk|file)\/(.+)$/.exec(resource) ?? []
      const path = (of === 'disk' ? disks.get(id) : files.get(id)) ?? null
      if (kind === 'disk' && path === null) return draft.dropped(name, 'import-no-file-in-package')
      const parent = byId.get(value(item, 'Parent'))
      const isKnown = kind === 'floppy' || !parent || Number(value(parent, 'ResourceType')) === TYPE.ide
      return draft.addDrive(name, { kind, path }, isKnown ? null : 'import-other-controller')
    }
    default:
      draft.dropped(name, 'import-no-such-device')
  }
}

/** MiB of a unit such as "byte * 2^20", "MegaBytes" or "MB". */
function mibOf(unit: string): number {
  const [, base, power] = /^byte\s*\*\s*(\d+)\s*\^\s*(\d+)$/i.exec(unit) ?? []
  if (base && power) return Number(base) ** Number(power) / 2 ** 20
  return /^g/i.test(unit) ? 1024 : /^k/i.test(unit) ? 1 / 1024 : 1
}
