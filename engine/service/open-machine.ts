import type { Machine } from '../machine/machine.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import { PatternMachine } from '../../test/support/pattern-machine.ts'

/** Builds the machine that a configuration describes. Throws `file-unusable` or `option-invalid`. */
export const openMachine = (config: MachineConfig): Machine => new PatternMachine(config)
