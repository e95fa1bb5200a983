import * as v from 'valibot'
import { because, inWords, type Reason } from './reasons.ts'

/** The machine's shape as a user sets it: what `vitrine run` takes and vm.json holds. Version 1; unknown keys are refused. */
export const MAX_MEMORY_MIB = 3072
export const CPU_MODELS = ['8086', '286', '386', '486', 'pentium', 'pentium2', 'pentium3', 'max'] as const
export const ACCELERATORS = ['auto', 'jit', 'interpreter', 'kvm'] as const
export const DRIVE_KINDS = ['floppy', 'disk', 'cdrom'] as const
export const DISK_BUSES = ['ide', 'virtio'] as const
const IMAGE_FORMATS = ['raw', 'qcow2', 'vdi', 'vhd', 'vmdk', 'luks', 'vhdx', 'parallels'] as const
export const DISK_FORMATS = ['auto', ...IMAGE_FORMATS] as const

/** What kind of mouse there is: one on the PS/2 port, or one of Microsoft's protocol on a serial port. */
export const MICE = ['ps2', 'com1', 'com2', 'com3', 'com4'] as const

export const FLOPPY_DRIVES = 2
/** Two channels, a master and a slave each; disks and CD-ROMs share them. */
export const IDE_DRIVES = 4
export const VIRTIO_DISKS = 4
export const SERIAL_PORTS = 4

const integer = (low: number, high: number, what: string) =>
  v.pipe(
    v.number(`${what} is not a number`),
    v.integer(`${what} is not a whole number`),
    v.minValue(low, ({ received }) => `${received} is too little; ${what} is ${range(low, high)}`),
    v.maxValue(high, ({ received }) => `${received} is too much; ${what} is ${range(low, high)}`),
  )
const range = (low: number, high: number): string => (low === high ? String(low) : `${low} to ${high}`)

const oneOf = <const Choices extends readonly (string | number)[]>(choices: Choices) =>
  v.picklist(choices, ({ received }) => `${received.replaceAll('"', '')} is not one of ${choices.join(', ')}`)

const path = v.pipe(v.string(), v.nonEmpty('the file name is empty'), v.maxLength(4096), v.excludes('\0'))

export const DriveConfig = v.strictObject({
  kind: oneOf(DRIVE_KINDS),
  /** File of the medium; null is an empty drive. Relative to the folder of the virtual machine, when it has one. */
  path: v.nullable(path),
  readonly: v.optional(v.boolean(), false),
  /** Writes are kept apart and thrown away when the machine ends. */
  ephemeral: v.optional(v.boolean(), false),
  /** How a disk is attached; virtio is faster, for guests that have a driver for it. */
  bus: v.optional(oneOf(DISK_BUSES), 'ide'),
  /**
   * What a disk's file is; auto tells by its contents. A guest can make a raw disk look like anything, so what is
   * kept for longer should keep the format as well.
   */
  format: v.optional(oneOf(DISK_FORMATS), 'auto'),
  /** Files outside of its folder that the image may build on: the user has seen and allowed their names. */
  allowed: v.optional(v.pipe(v.array(path), v.maxLength(64))),
  /**
   * File that takes the writes to a disk: a qcow2 image over it, made when it is missing, so that the disk itself is
   * only read and several machines may be over it. With `ephemeral`, what it holds is thrown away at each start.
   */
  overlay: v.optional(path),
  /** Snapshots leave this disk alone: it is neither kept in them nor put back. */
  independent: v.optional(v.boolean()),
  /** Cylinders, heads and sectors that the disk reports; derived from its size when absent. */
  geometry: v.optional(
    v.strictObject({
      cylinders: integer(1, 65535, 'cylinders'),
      heads: integer(1, 255, 'heads'),
      sectors: integer(1, 63, 'sectors'),
    }),
  ),
})
export type DriveConfig = v.InferOutput<typeof DriveConfig>

/** Passphrases of encrypted disks, for one run: no configuration and no saved state holds them. */
export const Secrets = v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(1024))), v.maxLength(8))

/** A new file that is to be laid over the disk of a drive. All paths are absolute. */
export const DiskLayer = v.strictObject({
  /** The file that is written now. */
  below: path,
  format: oneOf(DISK_FORMATS),
  /** As the new file is to call it. */
  name: path,
  file: path,
  allowed: v.pipe(v.array(path), v.maxLength(64)),
})
export type DiskLayer = v.InferOutput<typeof DiskLayer>

/** Two layers of a disk, one over the other, of which the upper one is to go into the lower one. */
export const LayerMerge = v.strictObject({
  upper: path,
  lower: path,
  format: v.picklist(IMAGE_FORMATS),
  /** As layers are to call the lower one. */
  name: path,
  /** Layers over the upper one, which are to be over the lower one. */
  above: v.pipe(v.array(path), v.maxLength(1024)),
  allowed: v.pipe(v.array(path), v.maxLength(1024)),
})
export type LayerMerge = v.InferOutput<typeof LayerMerge>

/** A kernel that the firmware's loader starts instead of a drive: Linux boot protocol or Multiboot 1, by its header. */
export const KernelConfig = v.strictObject({
  path,
  initrd: v.optional(path),
  /** Command line, at most what the Linux boot protocol holds. */
  append: v.optional(
    v.pipe(v.string(), v.maxLength(2047, 'the kernel command line is longer than 2047 characters')),
    '',
  ),
  modules: v.optional(v.array(path), []),
})
export type KernelConfig = v.InferOutput<typeof KernelConfig>

/** What old systems need told apart from the default; see the user guide for which. */
export const Knobs = v.strictObject({
  /** Highest standard CPUID leaf reported; NT 4 wants at most 2. */
  cpuidLimit: v.optional(integer(1, 16, 'cpuidLimit')),
  /** Cap on instructions per second, for systems that time loops. */
  instructionsPerSecond: v.optional(integer(10_000, 1_000_000_000_000, 'instructionsPerSecond')),
  /** Guest time from an IDE command to its interrupt, in microseconds. */
  ideInterruptDelayUs: v.optional(integer(0, 100_000, 'ideInterruptDelayUs')),
  /** CMOS types of drives A and B: 360, 1200, 720, 1440 or 2880 KB; by the medium when absent. */
  floppyTypes: v.optional(v.pipe(v.array(oneOf([360, 720, 1200, 1440, 2880])), v.maxLength(FLOPPY_DRIVES))),
  /** Programs that poll for a key keep the processor busy; otherwise the BIOS halts it once they do nothing else. */
  busyPolling: v.optional(v.boolean()),
  /** There is a high precision event timer; systems before Windows Vista and Linux 2.6 do without. */
  hpet: v.optional(v.boolean()),
  /** Other firmware finds a processor with system management mode, from a 486 on. */
  systemManagement: v.optional(v.boolean()),
  /**
   * Translations of addresses are forgotten every half millisecond at the latest, as they were soon pushed out of the small
   * TLBs of the time: Windows 95 to Me change entries of page tables and do not tell the processor.
   */
  smallTlb: v.optional(v.boolean()),
  /** The clock chip holds local time, as DOS and Windows expect, instead of UTC. */
  localTime: v.optional(v.boolean()),
  /** Minutes east of UTC for `localTime`; the host's zone when absent. */
  utcOffsetMinutes: v.optional(integer(-720, 840, 'utcOffsetMinutes')),
  /** How long the built-in firmware waits for F12, which opens its boot menu; F12 pressed before counts without any wait. */
  bootMenuMs: v.optional(integer(0, 60_000, 'bootMenuMs')),
  /** Host time at power-on in ms since 1970, for runs that must repeat; the host's clock when absent. */
  startTimeMs: v.optional(integer(0, 4_102_444_800_000, 'startTimeMs')),
})
/** Their names. */
export const KNOBS: readonly string[] = Object.keys(Knobs.entries)
export type Knobs = v.InferOutput<typeof Knobs>

export const DebugConfig = v.strictObject({
  /** File that gets the bytes written to port E9h. */
  console: v.optional(path),
  /** File that what the guest prints on its parallel port is appended to. */
  parallel: v.optional(path),
  /** A write of v to port F4h ends the run with status (v << 1) | 1. */
  exit: v.optional(v.boolean(), false),
  portLogs: v.optional(v.array(v.strictObject({ port: integer(0, 0xffff, 'port'), path })), []),
})
export type DebugConfig = v.InferOutput<typeof DebugConfig>

const shape = v.strictObject({
  version: v.literal(1),
  memoryMiB: v.optional(integer(1, MAX_MEMORY_MIB, 'memory in MiB'), 128),
  cpus: v.optional(integer(1, 1, 'the number of processors'), 1),
  cpuModel: v.optional(oneOf(CPU_MODELS), 'max'),
  accel: v.optional(oneOf(ACCELERATORS), 'auto'),
  firmware: v.optional(path),
  vgaBios: v.optional(path),
  drives: v.optional(v.array(DriveConfig), []),
  /** Kinds of drives in the order in which the firmware tries them; the firmware's own order when empty. */
  boot: v.optional(v.pipe(v.array(oneOf(DRIVE_KINDS)), v.maxLength(DRIVE_KINDS.length)), []),
  kernel: v.optional(KernelConfig),
  /** Ports that exist: COM1 first. */
  serialPorts: v.optional(integer(0, SERIAL_PORTS, 'the number of serial ports'), SERIAL_PORTS),
  /** One on a serial port takes the place of the PS/2 mouse, for systems that know no other. */
  mouse: v.optional(oneOf(MICE), 'ps2'),
  debug: v.optional(DebugConfig, { exit: false, portLogs: [] }),
  knobs: v.optional(Knobs, {}),
  /** False ends the run where a triple fault or a reset would restart the machine. */
  reboot: v.optional(v.boolean(), true),
})

/** What no single field shows: too many drives for the controllers, a medium that cannot be. Null when there is nothing. */
export function contradiction({
  drives,
  boot,
  kernel,
  mouse,
  serialPorts,
}: v.InferOutput<typeof shape>): Reason | null {
  const count = (kind: string, bus = 'ide') => drives.filter((d) => d.kind === kind && d.bus === bus).length
  const floppies = count('floppy')
  if (floppies > FLOPPY_DRIVES) return because('drives-floppy', { count: floppies, most: FLOPPY_DRIVES })
  const ide = count('disk') + count('cdrom')
  if (ide > IDE_DRIVES) return because('drives-ide', { count: ide, most: IDE_DRIVES })
  const virtio = count('disk', 'virtio')
  if (virtio > VIRTIO_DISKS) return because('drives-virtio', { count: virtio, most: VIRTIO_DISKS })
  for (const drive of drives) {
    if (drive.bus === 'virtio' && drive.kind !== 'disk')
      return because('virtio-for-disks', { kind: drive.kind })
    if (drive.path === null && drive.kind === 'disk') return because('disk-empty')
    if (drive.kind !== 'disk' && drive.format !== 'auto' && drive.format !== 'raw')
      return because('format-for-disks', { format: drive.format, kind: drive.kind })
    if (drive.overlay !== undefined && (drive.kind !== 'disk' || drive.readonly))
      return because('overlay-for-disks')
    if (drive.independent && (drive.kind !== 'disk' || drive.overlay !== undefined))
      return because('independent-for-disks')
  }
  if (new Set(boot).size !== boot.length) return because('boot-order-twice', { order: boot.join(',') })
  const port = mousePort(mouse)
  if (port !== null && port >= serialPorts)
    return because('mouse-port', { port: port + 1, ports: serialPorts })
  if (kernel?.modules.length && kernel.initrd) return because('initrd-with-modules')
  return null
}

export const MachineConfig = v.pipe(
  shape,
  v.rawCheck(({ dataset, addIssue }) => {
    const reason = dataset.typed ? contradiction(dataset.value) : null
    if (reason) addIssue({ message: inWords(reason) })
  }),
)
export type MachineConfig = v.InferOutput<typeof MachineConfig>
export type MachineConfigInput = v.InferInput<typeof MachineConfig>

/** The serial port that the mouse is on, COM1 as 0; null for a PS/2 mouse. */
export const mousePort = (mouse: MachineConfig['mouse']): number | null =>
  mouse === 'ps2' ? null : Number(mouse.at(-1)) - 1

/** The configuration with each of its files named anew. */
export function withFiles(config: MachineConfig, rename: (path: string) => string): MachineConfig {
  const { firmware, vgaBios, kernel } = config
  const drives = config.drives.map((drive) => ({
    ...drive,
    path: drive.path === null ? null : rename(drive.path),
    ...(drive.allowed && { allowed: drive.allowed.map(rename) }),
    ...(drive.overlay !== undefined && { overlay: rename(drive.overlay) }),
  }))
  return {
    ...config,
    drives,
    ...(firmware !== undefined && { firmware: rename(firmware) }),
    ...(vgaBios !== undefined && { vgaBios: rename(vgaBios) }),
    ...(kernel && {
      kernel: {
        ...kernel,
        path: rename(kernel.path),
        modules: kernel.modules.map(rename),
        ...(kernel.initrd !== undefined && { initrd: rename(kernel.initrd) }),
      },
    }),
  }
}

/** First thing wrong with an unknown value, as "where: what", or null when it fits. */
export function findIssue(schema: v.GenericSchema, value: unknown): string | null {
  const result = v.safeParse(schema, value)
  if (result.success) return null
  const issue = result.issues[0]
  const where = v.getDotPath(issue)
  return where ? `${where}: ${issue.message}` : issue.message
}
