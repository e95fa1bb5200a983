import { expect, it } from 'vitest'
import type { MachineRates } from './host-rates.ts'
import { withLook, type RateHistory } from './rate-history.ts'

const rates = (id: string, cpu: number): MachineRates => ({
  id,
  name: id,
  cpu,
  memoryMiB: 64,
  read: 0,
  written: 0,
  frames: 0,
  interrupts: 0,
  instructions: 0,
})

it('each machine has its own history, for as long as it runs', () => {
  let history: RateHistory = new Map()
  history = withLook(history, [rates('one', 1)], 3)
  history = withLook(history, [rates('one', 2), rates('two', 9)], 3)
  for (const cpu of [3, 4]) history = withLook(history, [rates('one', cpu), rates('two', cpu)], 3)
  const cpus = (id: string) => history.get(id)?.map(({ cpu }) => cpu)
  expect(cpus('one')).toEqual([2, 3, 4])
  expect(cpus('two')).toEqual([9, 3, 4])
  history = withLook(history, [rates('two', 5)], 3)
  expect(cpus('one')).toBeUndefined()
})
