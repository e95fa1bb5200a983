import { DISCS } from './disc-subjects.ts'
import { DISKS } from './disk-subjects.ts'
import { FLOPPIES } from './floppy-subjects.ts'
import type { ParserSubject } from './subject.ts'
import { VOLUMES } from './volume-subjects.ts'

/** All kinds of files whose readers are fuzzed. */
export const PARSERS: readonly ParserSubject[] = [...DISKS, ...DISCS, ...FLOPPIES, ...VOLUMES]
