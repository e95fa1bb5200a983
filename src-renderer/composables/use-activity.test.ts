import { describe, expect, it } from 'vitest'
import { effectScope, nextTick, shallowRef } from 'vue'
import { technical } from '../../engine/protocol/reasons.ts'
import type { VmStats } from '../../engine/protocol/vm.ts'
import { activityCsv, activityOf, useActivity } from './use-activity.ts'

const report = (change: Partial<VmStats> = {}): VmStats => ({
  accelerator: { name: 'jit', reason: technical('there is no "/dev/kvm"') },
  instructions: 1000,
  instructionsPerSecond: 500,
  guestNs: 0,
  hostNs: 0,
  frames: 0,
  busy: 0.5,
  framesPerSecond: 60,
  exits: {},
  interrupts: {},
  lines: {},
  accesses: {},
  cpu: {},
  drives: [],
  memoryBytes: 80_000_000,
  capPercent: 100,
  timeScale: 1,
  behindNs: 0,
  ...change,
})

describe('activity', () => {
  it('has the rate of each counter over the time between two reports', () => {
    const before = report({ exits: { halt: 100 }, guestNs: 1e9, hostNs: 3e9 })
    const now = report({ exits: { halt: 150, 'pio-read': 20 }, guestNs: 2e9, hostNs: 5e9 })
    const { counters, clockRate } = activityOf(now, before)
    expect(counters.exits).toEqual([
      { name: 'halt', total: 150, perSecond: 25 },
      { name: 'pio-read', total: 20, perSecond: 10 },
    ])
    expect(clockRate).toBe(0.5)
  })

  it('adds up what all drives moved and what all lines requested', () => {
    const drive = (id: string, bytesRead: number, bytesWritten: number) =>
      ({ id, kind: 'disk', medium: 'a.img', readonly: false, bytesRead, bytesWritten }) as const
    const before = report({
      drives: [drive('ide0-master', 1000, 0), drive('fd0', 0, 0)],
      lines: { 'IRQ 0': 5 },
    })
    const drives = [drive('ide0-master', 3000, 512), drive('fd0', 2000, 0)]
    const now = report({ hostNs: 2e9, drives, lines: { 'IRQ 0': 25, 'IRQ 6': 4 } })
    expect(activityOf(now, before)).toMatchObject({ diskRead: 2000, diskWritten: 256, requests: 12 })
    // A medium that was taken out takes its count along.
    expect(activityOf(report({ hostNs: 3e9, drives: [] }), now)).toMatchObject({
      diskRead: 0,
      diskWritten: 0,
    })
  })

  it('has no rates yet with one report, and none below zero after a counter fell', () => {
    expect(activityOf(report({ cpu: { liveRegions: 7 } }), null).counters.cpu[0]!.perSecond).toBe(0)
    const fallen = activityOf(
      report({ hostNs: 1e9, cpu: { liveRegions: 2 } }),
      report({ cpu: { liveRegions: 7 } }),
    )
    expect(fallen.counters.cpu[0]!.perSecond).toBe(0)
  })

  it('goes by when reports were made: those that a busy window gets all at once are not fast', async () => {
    const stats = shallowRef<VmStats | null>(null)
    const scope = effectScope()
    const activity = scope.run(() => useActivity(stats))!
    const rates: number[] = []
    for (const second of [1, 2, 3]) {
      stats.value = report({ guestNs: second * 1e9, hostNs: second * 1e9, exits: { halt: 50 * second } })
      await nextTick()
      rates.push(activity.value!.clockRate)
    }
    expect(rates).toEqual([1, 1, 1])
    expect(activity.value!.counters.exits[0]!.perSecond).toBe(50)
    // The same report again, or one of a machine that was started anew, has no rates.
    stats.value = report({ guestNs: 9e9, hostNs: 3e9 })
    await nextTick()
    expect(activity.value!.clockRate).toBe(1)
    scope.stop()
  })

  it('writes a table that spreadsheets read', () => {
    const csv = activityCsv(activityOf(report({ accesses: { 'pic-master 20h': 3 } }), null))
    expect(csv.split('\r\n')).toEqual([
      'group,name,per second,total',
      'accesses,pic-master 20h,0,3',
      'processor,instructions,500,1000',
      'disk,bytes read,0,',
      'disk,bytes written,0,',
      'memory,bytes of the host,,80000000',
      'accelerator,"jit: there is no ""/dev/kvm""",,',
      '',
    ])
  })
})
