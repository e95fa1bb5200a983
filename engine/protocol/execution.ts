import * as v from 'valibot'

export const PRIORITIES = ['normal', 'low', 'lowest'] as const

/** How much of the host a machine may have. Both can change while it runs. */
export const VmExecution = v.strictObject({
  /** Share of a host processor's time that the guest may run, in percent; its clock goes on meanwhile. */
  capPercent: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 100),
  /** How the host's scheduler ranks the process: as it was started, after others, or only when nothing else runs. */
  priority: v.optional(v.picklist(PRIORITIES), 'normal'),
})
export type VmExecution = v.InferOutput<typeof VmExecution>

/** Guest time per host time: throttled below 1, fast-forward above. */
export const TIME_SCALES = [0.25, 0.5, 1, 2, 4, 8] as const
export const TimeScale = v.picklist(TIME_SCALES)
export type TimeScale = v.InferOutput<typeof TimeScale>
