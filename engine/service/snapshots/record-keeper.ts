import type { VmRecord } from '../../protocol/vm.ts'

/** The record of the machine. Whoever works on snapshots has the machine for himself. */
export interface RecordKeeper {
  read(): Promise<VmRecord>
  /** Puts the record in place whole: after a power failure the old one is there, or this one. */
  write(record: VmRecord): Promise<void>
}
