import { join } from 'node:path'
import * as v from 'valibot'
import { findIssue } from '../../engine/protocol/machine-config.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { importFiles, type ImportPlan } from '../../engine/service/import/import-machine.ts'
import { Media, type Progress } from '../../engine/service/media/media.ts'

/** A machine of another program as it goes into the library. */
export interface ImportedMachine {
  record: VmRecord
  /** Makes the copies of images that it needs in its folder. */
  copies(folder: string): Generator<Progress, void>
}

/**
 * @param path of the configuration that the plan was made of
 * @returns what is wrong with the machine, where it cannot be one
 */
export function importedMachine(path: string, plan: ImportPlan, name: string): ImportedMachine | string {
  const { machine, converted, notes } = plan
  const drives = machine.drives?.map((drive, index) =>
    converted.includes(index) ? { ...drive, path: copyName(index), format: 'qcow2' } : drive,
  )
  const record = { version: 1, name, notes, machine: { ...machine, drives } }
  const issue = findIssue(VmRecord, record)
  if (issue !== null) return issue
  return {
    record: v.parse(VmRecord, record),
    *copies(folder) {
      const media = new Media(importFiles(path))
      for (const [at, index] of converted.entries())
        for (const { done, total } of media.convert(
          machine.drives![index]!.path!,
          join(folder, copyName(index)),
          { format: 'qcow2' },
        ))
          yield { done: at * total + done, total: converted.length * total }
    },
  }
}

const copyName = (index: number): string => `disk-${index + 1}.qcow2`
