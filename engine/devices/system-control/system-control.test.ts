import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Pit } from '../pit/pit.ts'
import { Speaker } from '../pit/speaker.ts'
import { SystemControl } from './system-control.ts'

function powerOn() {
  const clock = new ManualClock()
  const speaker = new Speaker()
  const timer = new Pit(clock, new RecordingLine(), speaker)
  const a20 = new RecordingLine()
  const resets = { count: 0 }
  const control = new SystemControl(clock, { timer, speaker, a20, reset: () => void resets.count++ })
  return { clock, speaker, timer, a20, resets, control }
}

it('opens the gate of channel 2 and shows its output', () => {
  const { clock, timer, control } = powerOn()
  timer.write(3, 0xb0, 1)
  timer.write(2, 100, 1)
  timer.write(2, 0, 1)
  clock.advance(1_000_000)
  expect(control.portB.read(0, 1) & 0x20).toBe(0)
  control.portB.write(0, 0x01, 1)
  clock.advance(83_000)
  expect(control.portB.read(0, 1) & 0x20).toBe(0)
  clock.advance(1000)
  expect(control.portB.read(0, 1) & 0x23).toBe(0x21)
})

it('keeps the low four bits and toggles the refresh bit every 15 µs', () => {
  const { clock, control } = powerOn()
  control.portB.write(0, 0xff, 1)
  expect(control.portB.read(0, 1) & 0xcf).toBe(0x0f)
  let toggles = 0
  let last = control.portB.read(0, 1) & 0x10
  for (let step = 0; step < 1000; step++) {
    clock.advance(1000)
    const bit = control.portB.read(0, 1) & 0x10
    if (bit !== last) toggles++
    last = bit
  }
  expect(toggles).toBe(66)
})

it('switches the speaker', () => {
  const { speaker, timer, control } = powerOn()
  timer.write(3, 0xb6, 1)
  timer.write(2, 0xa9, 1)
  timer.write(2, 0x04, 1)
  control.portB.write(0, 0x03, 1)
  expect(speaker.signal.kind).toBe('square')
  control.portB.write(0, 0x01, 1)
  expect(speaker.signal).toEqual({ kind: 'level', high: false })
})

it('gates A20 through port 92h', () => {
  const { a20, control } = powerOn()
  control.portA.write(0, 0x02, 1)
  expect(a20.level).toBe(true)
  expect(control.portA.read(0, 1)).toBe(0x02)
  control.portA.write(0, 0x00, 1)
  expect(a20.level).toBe(false)
})

it('resets the processor through port 92h, again and again', () => {
  const { a20, resets, control } = powerOn()
  control.portA.write(0, 0x03, 1)
  control.portA.write(0, 0x03, 1)
  expect(resets.count).toBe(2)
  expect(a20.level).toBe(true)
  control.portA.write(0, 0xfe, 1)
  expect(resets.count).toBe(2)
})

it('restores what it saved', () => {
  const { a20, control } = powerOn()
  control.portA.write(0, 0x02, 1)
  control.portB.write(0, 0x0d, 1)
  const saved = control.save()
  control.reset()
  expect(a20.level).toBe(false)
  expect(control.save()).toEqual({ version: 1, portA: 0, portB: 0 })
  control.restore(saved)
  expect(a20.level).toBe(true)
  expect(control.save()).toEqual(saved)
  expect(() => control.restore({ ...saved, portB: 16 })).toThrow('state-invalid')
})
