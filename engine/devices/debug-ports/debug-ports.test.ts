import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { PortMap } from '../../bus/port-map.ts'
import { DEBUG_CONSOLE_PORT, DEBUG_EXIT_PORT, DebugConsole, DebugExit } from './debug-ports.ts'

function powerOn() {
  const clock = new ManualClock()
  const ports = new PortMap()
  const console = new DebugConsole(clock)
  const batches: string[] = []
  const exits: number[] = []
  console.onOutput((bytes) => batches.push(String.fromCharCode(...bytes)))
  ports.map({ name: 'debug console', base: DEBUG_CONSOLE_PORT, length: 1 }, console)
  ports.map(
    { name: 'debug exit', base: DEBUG_EXIT_PORT, length: 4, width: 4 },
    new DebugExit((s) => exits.push(s)),
  )
  return { clock, ports, console, batches, exits }
}

it('delivers console bytes in one batch after a moment', () => {
  const { clock, ports, batches } = powerOn()
  for (const byte of [0x68, 0x69]) ports.write(0xe9, byte, 1)
  expect(batches).toEqual([])

  clock.advance(2_000_000)

  expect(batches).toEqual(['hi'])
})

it('delivers at once when asked, and when a batch is full', () => {
  const { ports, console, batches } = powerOn()
  for (let index = 0; index < 1025; index++) ports.write(0xe9, 0x61, 1)
  expect(batches.map((batch) => batch.length)).toEqual([1024])

  console.flush()
  expect(batches.map((batch) => batch.length)).toEqual([1024, 1])
})

it('is found by reading E9h', () => {
  expect(powerOn().ports.read(0xe9, 1)).toBe(0xe9)
})

it('exits once for a write of any width', () => {
  const { ports, exits } = powerOn()
  ports.write(0xf4, 0x10, 1)
  ports.write(0xf4, 0x0002, 2)
  ports.write(0xf4, 0x00000000, 4)

  expect(exits).toEqual([0x21, 5, 1])
})
