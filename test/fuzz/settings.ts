import { SUBJECTS, type Subject } from './subjects.ts'

const number = (name: string, otherwise: number): number => {
  const text = process.env[name]
  return text === undefined ? otherwise : Number(text)
}

/**
 * What a run covers, by environment variables:
 * FUZZ_SEED, the seed of everything (printed); FUZZ_CASES, for each device; FUZZ_MACHINE_CASES, for all devices at
 * once; FUZZ_STATES, mutated states for each device; FUZZ_DEVICES, names of devices with commas between them;
 * FUZZ_BLOCK, the one block to repeat; FUZZ_RARELY, how many times more rarely states are looked at.
 */
export const SETTINGS = {
  seed: number('FUZZ_SEED', 20261128),
  cases: number('FUZZ_CASES', 200_000),
  machineCases: number('FUZZ_MACHINE_CASES', 10_000),
  states: number('FUZZ_STATES', 1_000),
  block: process.env.FUZZ_BLOCK === undefined ? null : Number(process.env.FUZZ_BLOCK),
  rarely: number('FUZZ_RARELY', 1),
  isWanted: (name: string): boolean =>
    !process.env.FUZZ_DEVICES || process.env.FUZZ_DEVICES.split(',').includes(name),
}

export const wanted: readonly Subject[] = SUBJECTS.filter(({ name }) => SETTINGS.isWanted(name))
