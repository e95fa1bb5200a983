import * as v from 'valibot'
import { MachineConfig } from './machine-config.ts'

export const VM_STATES = ['off', 'starting', 'running', 'paused', 'aborted', 'inaccessible'] as const
export type VmState = (typeof VM_STATES)[number]

/** Folder name of a virtual machine in the library. */
export const VmId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'not a machine id'))

export const VmName = v.pipe(
  v.string(),
  v.trim(),
  v.nonEmpty('the name is empty'),
  v.maxLength(80, 'the name is longer than 80 characters'),
)

/** What vm.json holds. Version 1 of its shape; unknown keys are refused. */
export const VmRecord = v.strictObject({
  version: v.literal(1),
  name: VmName,
  machine: MachineConfig,
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
  /** Why it is aborted or inaccessible. */
  reason: v.nullable(v.string()),
  memoryMiB: v.nullable(v.number()),
  drives: v.array(v.object({ kind: v.picklist(['floppy', 'disk', 'cdrom']), name: v.nullable(v.string()) })),
})
export type VmSummary = v.InferOutput<typeof VmSummary>

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
export const Accelerator = v.object({ name: v.picklist(['jit', 'interpreter', 'kvm']), reason: v.string() })
export type Accelerator = v.InferOutput<typeof Accelerator>

const counters = v.record(v.string(), count)
/** Once a second while somebody watches. */
export const VmStats = v.object({
  accelerator: Accelerator,
  instructions: count,
  /** Over the last second. */
  instructionsPerSecond: count,
  guestNs: count,
  /** Part of the last second in which the guest did not sleep, 0 to 1. */
  busy: count,
  framesPerSecond: count,
  exits: counters,
  interrupts: counters,
  accesses: counters,
  cpu: counters,
  drives: v.array(DriveStatus),
})
export type VmStats = v.InferOutput<typeof VmStats>
