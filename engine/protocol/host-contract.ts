import * as v from 'valibot'
import { DRIVE_KINDS, MAX_MEMORY_MIB } from './machine-config.ts'
import type { Contract } from './rpc.ts'
import { VmId, VmName, VmSummary } from './vm.ts'

const nothing = v.undefined()
const one = v.strictObject({ id: VmId })

/** An image that the host knows by an id of its own: a window never names files. */
export const ImageChoice = v.object({
  id: v.string(),
  name: v.string(),
  bytes: v.number(),
  kind: v.picklist(DRIVE_KINDS),
})
export type ImageChoice = v.InferOutput<typeof ImageChoice>

export const NewVm = v.strictObject({
  name: VmName,
  memoryMiB: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_MEMORY_MIB)),
  /** Id of an image, or null for a machine without one. */
  image: v.nullable(v.pipe(v.string(), v.maxLength(300))),
})
export type NewVm = v.InferOutput<typeof NewVm>

/** Window or page to host: the library and the life of its machines. Events state facts, they never give orders. */
export const hostContract = {
  calls: {
    list: { params: nothing, result: v.array(VmSummary) },
    images: { params: nothing, result: v.array(ImageChoice) },
    create: { params: NewVm, result: VmSummary },
    remove: { params: one, result: nothing },
    start: { params: one, result: nothing },
    pause: { params: one, result: nothing },
    resume: { params: one, result: nothing },
    reset: { params: one, result: nothing },
    /** The button on the case: asks the guest to shut down. */
    powerButton: { params: one, result: nothing },
    /** Pulls the plug. */
    powerOff: { params: one, result: nothing },
    insert: { params: v.strictObject({ id: VmId, drive: v.string(), image: v.string() }), result: nothing },
    eject: { params: v.strictObject({ id: VmId, drive: v.string() }), result: nothing },
  },
  notices: {},
  events: {
    changed: VmSummary,
    removed: one,
  },
} satisfies Contract
export type HostContract = typeof hostContract
