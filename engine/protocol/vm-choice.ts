import * as v from 'valibot'
import { VmClipboard } from './clipboard.ts'
import { VmExecution } from './execution.ts'
import { VmDisplay, VmInput, VmSettings } from './vm.ts'

type Parts<E extends v.ObjectEntries> = { [Name in keyof E]: v.ExactOptionalSchema<E[Name], undefined> }

/** Any of the entries of an object, and no usual values for those that are absent. */
const partOf = <E extends v.ObjectEntries>({ entries }: v.StrictObjectSchema<E, undefined>) =>
  v.strictObject(
    Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => [name, v.exactOptional(entry)]),
    ) as Parts<E>,
  )

/**
 * What was chosen in a menu of a machine: it says nothing of all else, which somebody may be changing at the same time.
 */
export const VmChoice = v.strictObject({
  group: v.exactOptional(VmSettings.entries.group),
  keyboardLayout: v.exactOptional(VmSettings.entries.keyboardLayout),
  display: v.exactOptional(partOf(VmDisplay)),
  execution: v.exactOptional(partOf(VmExecution)),
  input: v.exactOptional(partOf(VmInput)),
  clipboard: v.exactOptional(partOf(VmClipboard)),
})
export type VmChoice = v.InferOutput<typeof VmChoice>

/** A machine, by its settings or as lists show it, with a choice made. */
export const withChoice = <T extends Pick<VmSettings, keyof VmChoice>>(machine: T, choice: VmChoice): T => ({
  ...machine,
  ...choice,
  display: { ...machine.display, ...choice.display },
  execution: { ...machine.execution, ...choice.execution },
  input: { ...machine.input, ...choice.input },
  clipboard: { ...machine.clipboard, ...choice.clipboard },
})
