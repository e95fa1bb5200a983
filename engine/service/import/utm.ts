import { because } from '../../protocol/reasons.ts'
import type { ImportDraft } from './draft.ts'
import { type PlistDictionary, readPlist } from './plist.ts'
import type { XmlElement } from './xml.ts'

const INTERFACES: Record<string, 'ide' | 'floppy' | 'virtio'> = {
  ide: 'ide',
  floppy: 'floppy',
  virtio: 'virtio',
}
const KINDS: Record<string, 'disk' | 'cdrom'> = { disk: 'disk', cd: 'cdrom' }

/**
 * A bundle of UTM: config.plist, with the images in its folder Data, or Images before version 4.
 * @see https://docs.getutm.app, "Settings"
 */
export function readUtm(root: XmlElement, draft: ImportDraft): string | null {
  const config = readPlist(root)
  if (!config) return 'its property list is no dictionary'
  if (config.text('Backend') === 'Apple') return 'it runs on Apple’s own virtual machines, which are no PCs'
  const isOld = config.list('Drive').length === 0 && config.list('Drives').length > 0
  const about = config.dictionary(isOld ? 'Info' : 'Information')
  draft.name = about.text('Name')
  draft.notes = about.text('Notes')
  readSystem(config.dictionary('System'), draft)
  for (const [index, drive] of config.list(isOld ? 'Drives' : 'Drive').entries())
    readDrive(index, drive, isOld, draft)
  for (const one of config.list('Display')) draft.setDisplay(`display ${one.text('Hardware')}`)
  for (const one of config.list('Network')) draft.setNetwork(`network ${one.text('Hardware')}`.trim())
  for (const one of config.list('Sound')) draft.setSound(`sound ${one.text('Hardware')}`.trim())
  const serial = config.list('Serial').length
  if (serial > 0) {
    draft.serialPorts = Math.min(serial, 4)
    draft.mapped(`${serial} serial ports`, because('import-serial-ports', { count: draft.serialPorts }))
  }
  const emulator = config.dictionary('QEMU')
  if (emulator.isOn('UEFIBoot')) draft.dropped('firmware EFI', 'import-bios-only')
  const more = emulator.texts('AdditionalArguments').concat(config.texts('Arguments'))
  if (more.length > 0) draft.dropped(`arguments ${more.join(' ')}`.slice(0, 200), 'import-arguments-of-qemu')
  if (
    config
      .dictionary('Sharing')
      .text('DirectoryShareMode')
      .match(/^(WebDAV|VirtFS)$/)
  )
    draft.dropped('shared folder', 'import-image-of-folder')
  return null
}

function readSystem(system: PlistDictionary, draft: ImportDraft): void {
  const architecture = system.text('Architecture')
  if (architecture && architecture !== 'i386')
    draft.substituted(`architecture ${architecture}`, 'import-pc-32-bit', 'import-no-other-processor')
  const target = system.text('Target')
  if (target && !/^pc(-i440fx.*)?$/.test(target))
    draft.substituted(`machine ${target}`, 'import-pc-440fx', 'import-one-board')
  const memory = system.text('MemorySize') || system.text('Memory')
  if (memory) draft.setMemory(`memory ${memory} MiB`, Number(memory))
  const processors = Number(system.text('CPUCount') || 1)
  if (processors > 0) draft.setProcessors(`${processors} CPU`, processors)
  const model = system.text('CPU')
  if (model && model !== 'default')
    draft.substituted(`processor ${model}`, 'import-most-here', 'import-processors-here')
}

function readDrive(index: number, drive: PlistDictionary, isOld: boolean, draft: ImportDraft): void {
  const name = drive.text(isOld ? 'ImagePath' : 'ImageName')
  const type = drive.text('ImageType') || 'None'
  const bus = drive.text(isOld ? 'InterfaceType' : 'Interface').toLowerCase() || 'ide'
  const item = `drive ${index + 1} (${type}, ${bus})`
  const kind = bus === 'floppy' ? 'floppy' : KINDS[type.toLowerCase()]
  if (!kind) return draft.dropped(item, 'import-no-such-drive')
  if (name === '' && kind === 'disk') return draft.dropped(item, 'import-no-image')
  const isVirtio = bus === 'virtio' && kind === 'disk'
  const path = name === '' ? null : `${isOld ? 'Images' : 'Data'}/${name}`
  draft.addDrive(
    item,
    { kind, path, readonly: drive.isOn('ReadOnly'), ...(isVirtio && { bus: 'virtio' as const }) },
    INTERFACES[bus] && (bus !== 'virtio' || isVirtio) ? null : 'import-other-controller',
  )
}
