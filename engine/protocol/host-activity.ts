import * as v from 'valibot'

const count = v.pipe(v.number(), v.minValue(0))

/** What a machine has taken of the host and what it has done since it was started; whoever asks twice has the rates. */
export const VmUsage = v.object({
  /** When this was so, in ms by a clock of its process that only goes forward. */
  atMs: count,
  /** Processor time of its process, in ms. */
  cpuMs: count,
  /** Memory of the host that its process holds. */
  memoryBytes: count,
  bytesRead: count,
  bytesWritten: count,
  /** Drawn for windows that look at it. */
  frames: count,
  /** Requests on its interrupt lines. */
  interrupts: count,
  instructions: count,
})
export type VmUsage = v.InferOutput<typeof VmUsage>

/** The host and every machine that runs on it. */
export const HostActivity = v.object({
  /** In ms, by a clock of the host that only goes forward. */
  atMs: count,
  processors: count,
  /** Time that its processors have worked, for whatever program, in ms. */
  busyMs: count,
  memoryMiB: count,
  freeMiB: count,
  machines: v.array(v.object({ id: v.string(), usage: VmUsage })),
})
export type HostActivity = v.InferOutput<typeof HostActivity>
