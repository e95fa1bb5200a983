import { describe, expect, it } from 'vitest'
import type { HostActivity, VmUsage } from '../../engine/protocol/host-activity.ts'
import { hostRates, hostRatesCsv } from './host-rates.ts'

const USAGE: VmUsage = {
  atMs: 1000,
  cpuMs: 500,
  memoryBytes: 3 << 20,
  bytesRead: 0,
  bytesWritten: 1024,
  frames: 10,
  interrupts: 100,
  instructions: 0,
}
const look = (atMs: number, busyMs: number, usage: Partial<VmUsage>): HostActivity => ({
  atMs,
  processors: 2,
  busyMs,
  memoryMiB: 4000,
  freeMiB: 1000,
  machines: [{ id: 'dos', usage: { ...USAGE, ...usage } }],
})

describe('the activity of the host', () => {
  it('has rates by the clock of whoever counted, however late the answers came', () => {
    const before = look(5000, 100, {})
    const now = look(7000, 1100, {
      atMs: 3000,
      cpuMs: 1500,
      bytesWritten: 5120,
      frames: 130,
      interrupts: 300,
      instructions: 8e6,
    })
    const rates = hostRates(now, before, () => 'DOS, "old"')
    expect(rates).toEqual({
      cpu: 25,
      memoryMiB: 4000,
      freeMiB: 1000,
      machines: [
        {
          id: 'dos',
          name: 'DOS, "old"',
          cpu: 50,
          memoryMiB: 3,
          read: 0,
          written: 2,
          frames: 60,
          interrupts: 100,
          instructions: 4,
        },
      ],
    })
    expect(hostRatesCsv(rates).split('\r\n')[1]).toBe('"DOS, ""old""",50,3,0,2,60,100,4')
  })

  it('has no rates of a machine at its first look, nor of one that was started anew', () => {
    const idle = { cpu: 0, read: 0, written: 0, frames: 0, interrupts: 0, instructions: 0 }
    expect(hostRates(look(1, 1, {}), null, String).machines[0]).toMatchObject(idle)
    const anew = hostRates(look(2000, 1, { atMs: 50, cpuMs: 20 }), look(1000, 0, {}), String)
    expect(anew.machines[0]).toMatchObject(idle)
  })
})
