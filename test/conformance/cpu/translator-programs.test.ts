import { describe, expect, it } from 'vitest'
import { LoopProgramBuilder } from './loop-program.ts'
import { MODES, ProgramMachine } from './program-machine.ts'
import { Random } from './random.ts'

const PROGRAMS = Number(process.env['TRANSLATOR_CASES'] ?? 300)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 21)

describe.each(MODES)('programs of loops in $name', (mode) => {
  it('do the same in as many instructions, while regions come, grow and go', () => {
    const interpreted = new ProgramMachine(mode)
    const limits = { steps: 220, pages: 8, exitsToFollow: 0 }
    const translated = new ProgramMachine(mode, {
      translator: { entriesUntilHot: 1, regionsAtOnce: 4, limits },
    })
    const growing = new ProgramMachine(mode, {
      translator: {
        entriesUntilHot: 1,
        exitsUntilGrown: 1,
        grownLimits: { steps: 300, pages: 8, exitsToFollow: 0 },
        maxRegions: 4,
      },
    })
    const random = new Random(SEED)
    let blocks = 0
    for (let made = 0; made < PROGRAMS; made++) {
      const program = new LoopProgramBuilder(random, mode).build()
      const expected = interpreted.run(program, random)
      expect(expected).toMatchObject({ ended: true })
      expect(translated.run(program, random), `program ${made}`).toEqual(expected)
      expect(growing.run(program, random), `program ${made}, growing`).toEqual(expected)
      blocks += program.blocks
    }
    const { retired } = interpreted.processor.vcpu
    console.log(`${mode.name}: ${PROGRAMS} programs of ${blocks} blocks, ${retired} instructions`)
    const stats = translated.processor.vcpu.translatorStats()
    expect(stats['regions']).toBeGreaterThan(PROGRAMS)
    expect(stats['translatedInstructions']).toBeGreaterThan(translated.processor.vcpu.retired / 2)
    const grown = growing.processor.vcpu.translatorStats()
    expect(grown['grownRegions']).toBeGreaterThan(PROGRAMS / 4)
    expect(grown['evictedRegions']).toBeGreaterThan(0)
  })
})
