import { because } from '../../protocol/reasons.ts'
import type { ImportDraft } from './draft.ts'
import { attributeOf, elementsAt, type XmlElement } from './xml.ts'

/** A machine of VirtualBox (.vbox). @see VBox/Settings XML schema, versions 1.12 to 1.20 */
export function readVbox(root: XmlElement, draft: ImportDraft): string | null {
  const [machine] = elementsAt(root, 'Machine')
  if (!machine) return 'it has no machine'
  draft.name = attributeOf(machine, 'name')
  draft.notes = elementsAt(machine, 'Description')[0]?.text.trim() ?? ''
  const osType = attributeOf(machine, 'OSType')
  if (osType) draft.dropped(`OS type ${osType}`, 'import-sets-nothing')
  const [hardware] = elementsAt(machine, 'Hardware')
  if (hardware) readHardware(hardware, draft)
  const images = new Map<string, string>()
  for (const registry of elementsAt(machine, 'MediaRegistry')) collectImages(registry, images)
  const controllers = [
    ...elementsAt(machine, 'StorageControllers', 'StorageController'),
    ...elementsAt(machine, 'Hardware', 'StorageControllers', 'StorageController'),
  ]
  for (const controller of controllers) readController(controller, images, draft)
  if (elementsAt(machine, 'Snapshot').length > 0) draft.dropped('snapshots', 'import-current-state-only')
  return null
}

function readHardware(hardware: XmlElement, draft: ImportDraft): void {
  const [memory] = elementsAt(hardware, 'Memory')
  if (memory)
    draft.setMemory(`memory ${attributeOf(memory, 'RAMSize')} MB`, Number(attributeOf(memory, 'RAMSize')))
  const processors = Number(attributeOf(elementsAt(hardware, 'CPU')[0], 'count') || 1)
  draft.setProcessors(`${processors} CPU`, processors)
  const firmware = attributeOf(elementsAt(hardware, 'Firmware')[0], 'type')
  if (firmware && firmware !== 'BIOS') draft.dropped(`firmware ${firmware}`, 'import-bios-only')
  const [display] = elementsAt(hardware, 'Display')
  if (display) draft.setDisplay(`graphics ${attributeOf(display, 'controller') || 'VBoxVGA'}`)
  for (const adapter of elementsAt(hardware, 'Network', 'Adapter'))
    if (attributeOf(adapter, 'enabled') === 'true')
      draft.setNetwork(
        `network adapter ${attributeOf(adapter, 'type')} in slot ${attributeOf(adapter, 'slot')}`,
      )
  const [audio] = elementsAt(hardware, 'AudioAdapter')
  if (audio && attributeOf(audio, 'enabled') === 'true')
    draft.setSound(`audio ${attributeOf(audio, 'controller') || 'AC97'}`)
  for (const folder of elementsAt(hardware, 'SharedFolders', 'SharedFolder'))
    draft.dropped(`shared folder ${attributeOf(folder, 'name')}`, 'import-image-of-folder')
  if (elementsAt(hardware, 'USB', 'Controllers', 'Controller').length > 0)
    draft.dropped('USB', 'import-no-usb')
}

/** Images by their UUID; those of other disks are nested in them. */
function collectImages(registry: XmlElement, images: Map<string, string>): void {
  for (const child of registry.children) {
    const [uuid, location] = [attributeOf(child, 'uuid'), attributeOf(child, 'location')]
    if (uuid && location) images.set(uuid, location)
    collectImages(child, images)
  }
}

const KINDS = { HardDisk: 'disk', DVD: 'cdrom', Floppy: 'floppy' } as const

function readController(
  controller: XmlElement,
  images: ReadonlyMap<string, string>,
  draft: ImportDraft,
): void {
  const type = attributeOf(controller, 'type')
  const isKnown = /^(PIIX3|PIIX4|ICH6|I82078)$/.test(type)
  for (const device of elementsAt(controller, 'AttachedDevice')) {
    const kind = KINDS[attributeOf(device, 'type') as keyof typeof KINDS]
    const uuid = attributeOf(elementsAt(device, 'Image')[0], 'uuid')
    const path = images.get(uuid) ?? null
    const item = `${attributeOf(device, 'type')} at ${attributeOf(controller, 'name') || type} ${attributeOf(device, 'port')}:${attributeOf(device, 'device')}`
    if (!kind) draft.dropped(item, 'import-no-such-drive')
    else if (kind === 'disk' && path === null) draft.dropped(item, because('import-unlisted-image', { uuid }))
    else draft.addDrive(item, { kind, path }, isKnown ? null : 'import-other-controller')
  }
}
