import { join } from 'node:path'
import { type ExportedDrive, type ExportedMachine, idePlace } from './exported-machine.ts'
import { QEMU_CPUS } from './qemu-command.ts'
import { type Element, element, xmlDocument } from './xml-writer.ts'

const BOOT = { floppy: 'fd', disk: 'hd', cdrom: 'cdrom' } as const
const IDE_LETTERS = ['a', 'b', 'c', 'd']

/**
 * A domain of libvirt. @see https://libvirt.org/formatdomain.html
 * @param folder where the images will lie on the host that runs it: libvirt takes no relative names
 */
export function libvirtDomain({ name, notes, config, drives }: ExportedMachine, folder: string): string {
  const { memoryMiB, cpuModel, boot, serialPorts, knobs } = config
  return xmlDocument(
    element(
      'domain',
      { type: 'kvm' },
      element('name', {}, domainName(name)),
      element('title', {}, oneLine(name)),
      notes.trim() ? element('description', {}, notes) : null,
      element('memory', { unit: 'MiB' }, String(memoryMiB)),
      element('vcpu', {}, '1'),
      element(
        'os',
        {},
        element('type', { arch: 'i686', machine: 'pc' }, 'hvm'),
        ...boot.map((kind) => element('boot', { dev: BOOT[kind] })),
      ),
      element('features', {}, element('acpi'), element('apic')),
      element(
        'cpu',
        { mode: 'custom', match: 'exact' },
        element('model', { fallback: 'allow' }, QEMU_CPUS[cpuModel]),
      ),
      element('clock', { offset: knobs.localTime ? 'localtime' : 'utc' }),
      element('on_reboot', {}, config.reboot ? 'restart' : 'destroy'),
      element(
        'devices',
        {},
        ...drives.map((drive) => diskOf(drive, folder)),
        ...Array.from({ length: serialPorts }, (_, port) =>
          element('serial', { type: 'pty' }, element('target', { port })),
        ),
        element('input', { type: 'mouse', bus: 'ps2' }),
        element('input', { type: 'keyboard', bus: 'ps2' }),
        element('graphics', { type: 'vnc', port: -1, autoport: 'yes' }),
        element('video', {}, element('model', { type: 'vga' })),
      ),
    ),
  )
}

function diskOf(drive: ExportedDrive, folder: string): Element {
  const { kind, file, readonly } = drive
  return element(
    'disk',
    { type: 'file', device: kind },
    element('driver', { name: 'qemu', type: kind === 'disk' ? 'qcow2' : 'raw' }),
    file === null ? null : element('source', { file: join(folder, file) }),
    element('target', targetOf(drive)),
    readonly || kind === 'cdrom' ? element('readonly') : null,
  )
}

function targetOf(drive: ExportedDrive): { dev: string; bus: string } {
  const ide = idePlace(drive)
  if (ide) return { dev: `hd${IDE_LETTERS[ide.channel * 2 + ide.place]}`, bus: 'ide' }
  const letter = IDE_LETTERS[Number(drive.id.at(-1))]!
  return drive.kind === 'floppy' ? { dev: `fd${letter}`, bus: 'fdc' } : { dev: `vd${letter}`, bus: 'virtio' }
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')

/** It becomes part of paths there. */
const domainName = (text: string): string => oneLine(text).replaceAll('/', '-')
