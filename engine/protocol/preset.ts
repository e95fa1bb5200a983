import * as v from 'valibot'
import { CPU_MODELS, DRIVE_KINDS, Knobs, MAX_MEMORY_MIB } from './machine-config.ts'
import { VM_ICONS } from './vm.ts'

const words = v.strictObject({ en: v.pipe(v.string(), v.nonEmpty()), de: v.pipe(v.string(), v.nonEmpty()) })
const memoryMiB = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_MEMORY_MIB))

/** What an operating system of the past expects of its machine. */
export const Preset = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9-]{2,40}$/)),
  name: v.pipe(v.string(), v.nonEmpty(), v.maxLength(60)),
  icon: v.picklist(VM_ICONS),
  memoryMiB,
  /** Beyond this the system fails. */
  mostMemoryMiB: v.optional(memoryMiB),
  cpuModel: v.picklist(CPU_MODELS),
  /** Size of the hard disk that it is usually given; none for systems that live on floppies. */
  diskMiB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(131_072))),
  /** Beyond this it cannot use the disk, or fails. */
  mostDiskMiB: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(131_072))),
  boot: v.array(v.picklist(DRIVE_KINDS)),
  knobs: v.optional(Knobs, {}),
  /** How well it works here, and what to know before installing. */
  limits: words,
  /** Parts of image names, in small letters, by which it is recognised. */
  matches: v.array(v.pipe(v.string(), v.nonEmpty(), v.toLowerCase())),
})
export type Preset = v.InferOutput<typeof Preset>

export const PresetFile = v.strictObject({
  version: v.literal(1),
  presets: v.pipe(v.array(Preset), v.nonEmpty()),
})
