import { describe, expect, it } from 'vitest'
import { LoopProgramBuilder } from './loop-program.ts'
import { BUSY_HANDLER, SMBASE, machineCode } from './managed-machine.ts'
import { MODES, ProgramMachine } from './program-machine.ts'
import { Random } from './random.ts'

// System management interrupts at any moment of random programs, which must not notice them, and save maps that a handler
// has left in disorder, which may end in anything but an error of ours.

const PROGRAMS = Number(process.env['MANAGEMENT_CASES'] ?? 20)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 21)
const MAP = SMBASE + 0xfe00
const MAP_BYTES = 0x200
/** The harness changes the map at a write there. */
const DISTURB_PORT = 0xf6
const FIELDS = [0xf8, 0x100, 0x102, 0x104, 0x108, 0x1c8, 0x1f0, 0x1f4, 0x1f8, 0x1fc]

describe.each(MODES)('random programs in $name', (mode) => {
  it.each([false, true])('do not notice system management (translated: %s)', (translated) => {
    const plain = new ProgramMachine(mode, { withoutTime: true })
    const managed = new ProgramMachine(mode, {
      withoutTime: true,
      ...(translated && { translator: { entriesUntilHot: 1, regionsAtOnce: 4 } }),
    })
    const { memory, vcpu } = managed.processor
    memory.dmaWrite(SMBASE + 0x8000, machineCode(0x8000, BUSY_HANDLER))
    const random = new Random(SEED)
    for (let made = 0; made < PROGRAMS; made++) {
      const program = new LoopProgramBuilder(random, mode).build()
      const expected = plain.run(program, random)
      const found = managed.run(program, random, () => random.oneIn(2) && vcpu.raiseSmi())
      expect({ ...found, retired: 0 }, `program ${made}`).toEqual({ ...expected, retired: 0 })
    }
    expect(vcpu.counters().exits['smi']).toBeGreaterThan(PROGRAMS)
  })

  it('go on somehow from a save map in disorder', () => {
    const machine = new ProgramMachine(mode, { translator: { entriesUntilHot: 1 } })
    const { memory, ports, ram, vcpu } = machine.processor
    memory.dmaWrite(SMBASE + 0x8000, machineCode(0x8000, `out ${DISTURB_PORT}, al\nrsm`))
    const random = new Random(SEED + 1)
    const disturber = { read: () => 0, write: () => disturb(ram, random) }
    ports.map({ name: 'disturber', base: DISTURB_PORT, length: 1 }, disturber)
    const exits = new Set<string>()
    for (let made = 0; made < 4 * PROGRAMS; made++) {
      const program = new LoopProgramBuilder(random, mode).build()
      let pieces = 0
      const { exit } = machine.run(
        program,
        random,
        () => {
          pieces++
          if (pieces === 2) vcpu.raiseSmi()
          if (pieces === 4) vcpu.restore(structuredClone(vcpu.save()))
        },
        20,
      )
      exits.add(exit)
    }
    expect(exits).toContain('shutdown')
  })
})

/** Changes one to eight words of the map, mostly such as mean something. */
function disturb(ram: Uint8Array, random: Random): void {
  const view = new DataView(ram.buffer, ram.byteOffset + MAP, MAP_BYTES)
  for (let left = 1 + random.below(8); left > 0; left--) {
    const at = random.oneIn(2) ? random.pick(FIELDS) : 4 * random.below(MAP_BYTES / 4)
    if (at % 4 !== 0) view.setUint16(at, random.pick([0, 1, 0xff, 0xffff]), true)
    else if (random.oneIn(2)) view.setInt32(at, view.getInt32(at, true) ^ (1 << random.below(32)), true)
    else view.setInt32(at, random.value(), true)
  }
}
