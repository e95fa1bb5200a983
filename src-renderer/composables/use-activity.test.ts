import { describe, expect, it } from 'vitest'
import type { VmStats } from '../../engine/protocol/vm.ts'
import { activityCsv, activityOf } from './use-activity.ts'

const report = (change: Partial<VmStats> = {}): VmStats => ({
  accelerator: { name: 'jit', reason: 'there is no "/dev/kvm"' },
  instructions: 1000,
  instructionsPerSecond: 500,
  guestNs: 0,
  busy: 0.5,
  framesPerSecond: 60,
  exits: {},
  interrupts: {},
  lines: {},
  accesses: {},
  cpu: {},
  drives: [],
  capPercent: 100,
  timeScale: 1,
  behindNs: 0,
  ...change,
})

describe('activity', () => {
  it('has the rate of each counter over the time between two reports', () => {
    const before = report({ exits: { halt: 100 }, guestNs: 1e9 })
    const now = report({ exits: { halt: 150, 'pio-read': 20 }, guestNs: 2e9 })
    const { counters, clockRate } = activityOf(now, before, 2)
    expect(counters.exits).toEqual([
      { name: 'halt', total: 150, perSecond: 25 },
      { name: 'pio-read', total: 20, perSecond: 10 },
    ])
    expect(clockRate).toBe(0.5)
  })

  it('has no rates yet with one report, and none below zero after a counter fell', () => {
    expect(activityOf(report({ cpu: { liveRegions: 7 } }), null, 1).counters.cpu[0]!.perSecond).toBe(0)
    const fallen = activityOf(report({ cpu: { liveRegions: 2 } }), report({ cpu: { liveRegions: 7 } }), 1)
    expect(fallen.counters.cpu[0]!.perSecond).toBe(0)
  })

  it('writes a table that spreadsheets read', () => {
    const csv = activityCsv(activityOf(report({ accesses: { 'pic-master 20h': 3 } }), null, 1))
    expect(csv.split('\r\n')).toEqual([
      'group,name,per second,total',
      'accesses,"pic-master 20h",0.0,3',
      'processor,instructions,500.0,1000',
      'accelerator,"jit: there is no ""/dev/kvm""",,',
      '',
    ])
  })
})
