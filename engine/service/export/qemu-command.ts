import { assignDrives } from '../../machine/drives.ts'
import type { DriveConfig, MachineConfig } from '../../protocol/machine-config.ts'
import { because, type Reason } from '../../protocol/reasons.ts'

/** A machine as a command of QEMU, and what of it QEMU does not have in the same way. */
export interface QemuCommand {
  /** Words without a shell's quotes. */
  words: string[]
  /** One line for each item that is another or missing. */
  differences: Reason[]
}

/** QEMU's processors for ours, which libvirt calls by the same names. */
export const QEMU_CPUS: Record<MachineConfig['cpuModel'], string> = {
  '8086': '486',
  '286': '486',
  '386': '486',
  '486': '486',
  pentium: 'pentium',
  pentium2: 'pentium2',
  pentium3: 'pentium3',
  max: 'pentium3',
}

/** What is to be said of a processor older than QEMU's oldest, else null. */
export const processorDifference = ({ cpuModel }: Pick<MachineConfig, 'cpuModel'>): Reason | null =>
  cpuModel === '8086' || cpuModel === '286' || cpuModel === '386'
    ? because('export-early-processor', { model: cpuModel })
    : null

const BOOT = { floppy: 'a', disk: 'c', cdrom: 'd' } as const
const FORMATS: Partial<Record<DriveConfig['format'], string>> = { vhd: 'vpc' }
const IDE_IDS = ['ide0-master', 'ide0-slave', 'ide1-master', 'ide1-slave']

/**
 * The command that runs a machine in qemu-system-i386, on the same images. Every drive is at the place that it has here.
 * @param config with absolute paths
 */
export function qemuCommand(name: string, config: MachineConfig): QemuCommand {
  const differences: Reason[] = []
  const earlier = processorDifference(config)
  if (earlier) differences.push(earlier)
  if (config.cpuModel === 'max') differences.push(because('export-newest-processor'))
  const words = [
    'qemu-system-i386',
    '-name',
    escaped(name),
    '-M',
    'pc',
    '-m',
    String(config.memoryMiB),
    '-cpu',
    QEMU_CPUS[config.cpuModel],
  ]
  for (const { id, config: drive } of assignDrives(config.drives)) {
    if (drive.geometry) differences.push(because('export-qemu-geometry', { drive: id }))
    const value = driveValue(id, drive)
    if (value === null) differences.push(because('export-qemu-empty', { drive: id }))
    else words.push('-drive', value)
  }
  const order = config.boot.map((kind) => BOOT[kind]).join('')
  if (order) words.push('-boot', `order=${order}`)
  if (config.knobs.localTime) words.push('-rtc', 'base=localtime')
  if (config.firmware) words.push('-bios', config.firmware)
  const { kernel } = config
  if (kernel) {
    words.push('-kernel', kernel.path, '-append', kernel.append)
    if (kernel.initrd) words.push('-initrd', kernel.initrd)
    if (kernel.modules.length > 0) differences.push(because('export-qemu-modules'))
  }
  if (config.mouse !== 'ps2')
    differences.push(because('export-qemu-mouse', { port: config.mouse.toUpperCase() }))
  if (config.knobs.instructionsPerSecond) differences.push(because('export-qemu-speed'))
  return { words, differences }
}

function driveValue(
  id: string,
  { kind, path, overlay, format, readonly, ephemeral, bus }: DriveConfig,
): string | null {
  const ide = IDE_IDS.indexOf(id)
  if (path === null) return kind === 'cdrom' ? `if=ide,index=${ide},media=cdrom` : null
  const place =
    kind === 'floppy'
      ? `if=floppy,index=${id.at(-1)}`
      : bus === 'virtio' && kind === 'disk'
        ? 'if=virtio'
        : `if=ide,index=${ide}`
  const known = overlay !== undefined ? 'qcow2' : kind === 'disk' ? format : 'raw'
  return [
    `file=${escaped(overlay ?? path)}`,
    place,
    ...(kind === 'cdrom' ? ['media=cdrom'] : []),
    ...(known === 'auto' ? [] : [`format=${FORMATS[known] ?? known}`]),
    ...(readonly ? ['readonly=on'] : []),
    ...(ephemeral ? ['snapshot=on'] : []),
  ].join(',')
}

/** A comma ends a value, two are one in it. */
const escaped = (text: string): string => text.replaceAll(',', ',,')

/** The words as a POSIX shell reads them, a continued line for each option. */
export function asShellCommand(words: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  )
  return quoted.reduce((text, word, index) =>
    words[index]!.startsWith('-') ? `${text} \\\n  ${word}` : `${text} ${word}`,
  )
}
