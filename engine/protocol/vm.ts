import * as v from 'valibot'
import { AutoSnapshots } from './auto-snapshots.ts'
import { Reason } from './reasons.ts'
import { VmClipboard } from './clipboard.ts'
import { VmExecution } from './execution.ts'
import { LAYOUT_NAMES } from './keyboard-layouts.ts'
import { MachineConfig, SERIAL_PORTS } from './machine-config.ts'
import { SerialTarget } from './serial-target.ts'
import { SnapshotTree } from './snapshot.ts'

export const VM_STATES = ['off', 'saved', 'starting', 'running', 'paused', 'aborted', 'inaccessible'] as const
export type VmState = (typeof VM_STATES)[number]

/** Folder name of a virtual machine in the library. */
export const VmId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'not a machine id'))

export const VmName = v.pipe(
  v.string(),
  v.trim(),
  v.nonEmpty('the name is empty'),
  v.maxLength(80, 'the name is longer than 80 characters'),
)

export const VM_ICONS = [
  'pc',
  'dos',
  'windows',
  'os2',
  'linux',
  'bsd',
  'unix',
  'game',
  'server',
  'lab',
] as const
export const SCALINGS = ['fit', 'integer', 'original'] as const

/** How the window of a machine shows it. */
export const VmDisplay = v.strictObject({
  /** As large as fits, whole multiples of the guest's pixels only, or one to one. */
  scaling: v.optional(v.picklist(SCALINGS), 'fit'),
  /** Blends neighbouring pixels where the picture is not magnified by a whole number. */
  smooth: v.optional(v.boolean(), true),
  /** Shows the picture 4:3 as the monitors of the time did; square pixels otherwise. */
  monitorAspect: v.optional(v.boolean(), true),
  /** Pauses the machine while its window does not have the focus. */
  pauseOnBlur: v.optional(v.boolean(), false),
})
export type VmDisplay = v.InferOutput<typeof VmDisplay>
export const USUAL_DISPLAY: VmDisplay = v.parse(VmDisplay, {})

export const CAPTURES = ['click', 'host-key', 'never'] as const

/** How the window of a machine takes keyboard and mouse for it. */
export const VmInput = v.strictObject({
  /** Both by a click on the screen; both by the host key only; or the keyboard by a click, and the mouse never. */
  capture: v.optional(v.picklist(CAPTURES), 'click'),
  /** The guest gets movements of the mouse, never positions, also where it has a driver for these. */
  relativeMouse: v.optional(v.boolean(), false),
})
export type VmInput = v.InferOutput<typeof VmInput>
export const USUAL_INPUT: VmInput = v.parse(VmInput, {})

export const USUAL_EXECUTION: VmExecution = v.parse(VmExecution, {})

const groupName = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(200, 'the group is longer than 200 characters'),
  v.regex(/^[^/]*(\/[^/]+)*$/, 'groups inside groups are written as outer/inner'),
)
const tag = v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(30, 'a tag has at most 30 characters'))

/** What a user can set of a virtual machine. */
const settings = {
  name: VmName,
  notes: v.optional(v.pipe(v.string(), v.maxLength(20_000, 'notes have at most 20000 characters')), ''),
  icon: v.optional(v.picklist(VM_ICONS), 'pc'),
  /** Where the list shows it, outer/inner; at the top when empty. */
  group: v.optional(groupName, ''),
  tags: v.optional(v.pipe(v.array(tag), v.maxLength(20, 'a machine has at most 20 tags')), []),
  /** It is there to make machines of, and does not start. */
  template: v.optional(v.boolean(), false),
  display: v.optional(VmDisplay, {}),
  execution: v.optional(VmExecution, {}),
  /** What the guest takes its keyboard for: text is typed for it, and the keyboard on the screen shows it. */
  keyboardLayout: v.optional(v.picklist(LAYOUT_NAMES), 'us'),
  input: v.optional(VmInput, {}),
  clipboard: v.optional(VmClipboard, {}),
  autoSnapshots: v.optional(AutoSnapshots, {}),
  /** Of COM1 on. A port that is not named has its console only. */
  serial: v.optional(v.pipe(v.array(SerialTarget), v.maxLength(SERIAL_PORTS)), []),
  machine: MachineConfig,
}
export const VmSettings = v.strictObject(settings)
export type VmSettings = v.InferOutput<typeof VmSettings>

/** What vm.json holds. Version 1 of its shape; unknown keys are refused. */
export const VmRecord = v.strictObject({
  version: v.literal(1),
  ...settings,
  /** Absent until the first one is taken. */
  snapshots: v.optional(SnapshotTree),
})
export type VmRecord = v.InferOutput<typeof VmRecord>

const count = v.pipe(v.number(), v.minValue(0))

export const DriveStatus = v.object({
  id: v.string(),
  kind: v.picklist(['floppy', 'disk', 'cdrom']),
  medium: v.nullable(v.string()),
  readonly: v.boolean(),
  bytesRead: count,
  bytesWritten: count,
})
export type DriveStatus = v.InferOutput<typeof DriveStatus>

/** A virtual machine as lists show it. */
export const VmSummary = v.object({
  id: VmId,
  name: v.string(),
  state: v.picklist(VM_STATES),
  /** Why it is aborted or inaccessible, or paused by itself. */
  reason: v.nullable(Reason),
  icon: v.picklist(VM_ICONS),
  /** What differs whenever its user's own picture does; null when it has none. */
  picture: v.nullable(v.string()),
  group: v.string(),
  tags: v.array(v.string()),
  notes: v.string(),
  /** Its folder, of a machine that was added where it is. */
  elsewhere: v.optional(v.string()),
  template: v.boolean(),
  display: VmDisplay,
  execution: VmExecution,
  keyboardLayout: v.picklist(LAYOUT_NAMES),
  input: VmInput,
  clipboard: VmClipboard,
  memoryMiB: v.nullable(v.number()),
  cpuModel: v.nullable(v.string()),
  drives: v.array(
    v.object({
      kind: v.picklist(['floppy', 'disk', 'cdrom']),
      name: v.nullable(v.string()),
      /** The file that takes the writes, where snapshots have put one over the disk that the name is of. */
      file: v.optional(v.string()),
    }),
  ),
})
export type VmSummary = v.InferOutput<typeof VmSummary>

/**
 * Why the host failed:
 * - `io`: it could not read or write; `full`: no room is left, quota included, which may change;
 * - `limit`: the file has grown to what its format, the host's file system or its share of memory allow;
 * - `gone`: it was removed, cut short, closed, or its host disk went away;
 * - `readonly`: a write to what may not be written; `range`: sectors outside of the medium.
 */
const FAULT_KINDS = ['io', 'full', 'limit', 'gone', 'readonly', 'range'] as const

/** A file of the host that failed a machine while it runs. The guest saw an error of its drive, and goes on. */
export const HostFault = v.object({
  /** Id of the drive, or null when it is none. */
  drive: v.nullable(v.string()),
  operation: v.picklist(['read', 'write', 'flush']),
  path: v.string(),
  kind: v.picklist(FAULT_KINDS),
  reason: Reason,
})
export type HostFault = v.InferOutput<typeof HostFault>

/** Contents of a text screen, and null in graphics modes. */
export const ScreenText = v.nullable(
  v.object({
    columns: v.number(),
    rows: v.number(),
    lines: v.array(v.string()),
    cursor: v.nullable(v.object({ column: v.number(), row: v.number() })),
  }),
)
export type ScreenText = v.InferOutput<typeof ScreenText>

/** What runs the guest's instructions, and why it was chosen. */
export const Accelerator = v.object({ name: v.picklist(['jit', 'interpreter', 'kvm']), reason: Reason })
export type Accelerator = v.InferOutput<typeof Accelerator>

const counters = v.record(v.string(), count)
/** Once a second while somebody watches. */
export const VmStats = v.object({
  accelerator: Accelerator,
  instructions: count,
  /** Over the last second. */
  instructionsPerSecond: count,
  guestNs: count,
  /** When this was so, by a clock of the host that only goes forward: rates go by it, not by when a report arrives. */
  hostNs: count,
  /** Part of the last second in which the guest did not sleep, 0 to 1. */
  busy: count,
  framesPerSecond: count,
  /** Frames drawn for windows, since it was started. */
  frames: count,
  exits: counters,
  interrupts: counters,
  lines: counters,
  accesses: counters,
  cpu: counters,
  drives: v.array(DriveStatus),
  /** Memory of the host that its process holds. */
  memoryBytes: count,
  capPercent: count,
  /** Guest time per host time, as it was asked for. */
  timeScale: count,
  /** How far the guest's clock is behind, in ns; it is made good when there is time for it. */
  behindNs: count,
})
export type VmStats = v.InferOutput<typeof VmStats>
