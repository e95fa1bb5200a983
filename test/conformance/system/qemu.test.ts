import { afterAll, expect, it } from 'vitest'
import { Random } from '../cpu/random.ts'
import { CaseMaker } from './cases.ts'
import { type Report, buildHarness, image } from './harness.ts'
import { differences, isExcused, leavesVirtualFlags } from './known-differences.ts'
import { OwnMachine, type OwnRun } from './own-machine.ts'
import { Qemu } from './qemu.ts'
import type { SystemCase } from './system-case.ts'

/** Cases to run: each starts in a state of its own, runs a few instructions and ends in an exception. */
const CASES = Number(process.env['SYSTEM_CASES'] ?? 4_000)
const SEED = Number(process.env['SYSTEM_SEED'] ?? 1)
const SHOWN = Number(process.env['SYSTEM_SHOWN'] ?? 8)
const BATCH = 500
const QEMU_TIMEOUT_MS = 60_000
const ENTRIES_UNTIL_HOT = 20

const qemu = Qemu.open()
if (typeof qemu === 'string') {
  console.log(`comparison with QEMU skipped: ${qemu}`)
  if (process.env['CI'] !== undefined) throw new Error(`comparison with QEMU cannot run: ${qemu}`)
}
afterAll(() => {
  if (typeof qemu !== 'string') qemu.close()
})

const hex = (n: number): string => (n >>> 0).toString(16)
const describeCase = (test: SystemCase): string =>
  `#${test.number} ${test.mode}: ${test.names.join(', ')} | ${test.code.map((b) => b.toString(16).padStart(2, '0')).join('')}\n` +
  `  cr0 ${hex(test.cr0)} cr4 ${hex(test.cr4)} flags ${hex(test.eflags)} selectors ${test.selectors.map(hex).join(' ')} ` +
  `registers ${test.registers.map(hex).join(' ')} debug ${test.debug.map(hex).join(' ')}`

it.skipIf(typeof qemu === 'string')('does in every mode what another implementation does', () => {
  if (typeof qemu === 'string') return
  const harness = buildHarness()
  const machines = [new OwnMachine(), new OwnMachine(ENTRIES_UNTIL_HOT)]
  const maker = new CaseMaker(new Random(SEED), (name) => harness.symbol(name))
  const failures: string[] = []
  const vectors = new Map<number, number>()
  const modes = new Map<string, number>()
  let compared = 0
  let excused = 0

  /** Our reports of a batch, from which cases are taken that would disturb the others. */
  function runOwn(machine: OwnMachine, batch: SystemCase[]): OwnRun {
    for (;;) {
      const run = machine.run(image(harness, batch), batch.length)
      const bad = run.astray > 0 ? [run.astray - 1] : []
      if (bad.length === 0) bad.push(...run.reports.flatMap((r, i) => (leavesVirtualFlags(r) ? [i] : [])))
      if (bad.length === 0) return run
      excused += bad.length
      for (const i of bad.reverse()) batch.splice(i, 1)
    }
  }

  for (let batches = 0; compared + excused < CASES; batches++) {
    const batch = Array.from({ length: BATCH }, () => maker.next())
    const ours = runOwn(machines[batches & 1]!, batch)
    const theirs: Report[] = qemu.run(image(harness, batch), QEMU_TIMEOUT_MS)
    if (theirs.length < batch.length) failures.push(`no report: ${describeCase(batch[theirs.length]!)}`)
    theirs.forEach((report, i) => {
      const test = batch[i]!
      const own = ours.reports[i]!
      if (ours.refused.has(i + 1) || isExcused(test, own, report)) {
        excused++
        return
      }
      compared++
      const vector = own.words[1]!
      vectors.set(vector, (vectors.get(vector) ?? 0) + 1)
      modes.set(test.mode, (modes.get(test.mode) ?? 0) + 1)
      const list = differences(test, own, report)
      if (list.length > 0) failures.push(`${list.join(', ')}\n  ${describeCase(test)}`)
    })
    if (failures.length > 50) break
  }
  const counts = (map: Map<unknown, number>): string =>
    [...map]
      .map(([key, n]) => `${String(key)}: ${n}`)
      .sort()
      .join(', ')
  console.log(`${compared} cases compared, ${excused} left out; ${counts(modes)}; endings ${counts(vectors)}`)
  expect(failures.slice(0, SHOWN).join('\n'), `${failures.length} differences`).toBe('')
})
