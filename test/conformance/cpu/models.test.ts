import { describe, expect, it } from 'vitest'
import { CPU_MODELS, type CpuModelName } from '../../../engine/vcpu/model.ts'
import { protectedFrame, ring3, runBareMetal } from './bare-metal.ts'

const [UD, GP] = [6, 13]
/** Those of 32 bits, in order of age: early-models.test.ts has the others. */
const MODELS = (Object.keys(CPU_MODELS) as CpuModelName[]).filter((name) =>
  CPU_MODELS[name].features.has('386'),
)

/** The vector with which a body ends, or null when nothing faults. */
function faultOf(body: string, model: CpuModelName): number | null {
  const { log } = runBareMetal(protectedFrame(body), model)
  return log[0] ?? null
}

/** Models from this one on. */
const since = (first: CpuModelName): CpuModelName[] => MODELS.slice(MODELS.indexOf(first))
const OSFXSR = 'mov eax, 0x200\nmov cr4, eax'

describe('the model decides which instructions there are', () => {
  it.each<[string, string, CpuModelName]>([
    ['BSWAP', 'bswap eax', '486'],
    ['CMPXCHG', 'cmpxchg ecx, edx', '486'],
    ['XADD', 'xadd ecx, ebx', '486'],
    ['INVLPG', 'invlpg [0]', '486'],
    ['WBINVD', 'wbinvd', '486'],
    ['CPUID', 'cpuid', '486'],
    ['CR4', 'mov eax, cr4', '486'],
    ['RDTSC', 'rdtsc', 'pentium'],
    ['CMPXCHG8B', 'cmpxchg8b [0x5000]', 'pentium'],
    ['RDMSR', 'mov ecx, 0x10\nrdmsr', 'pentium'],
    ['MMX', 'emms', 'pentium'],
    ['CMOV', 'cmovc eax, ecx', 'pentium2'],
    ['FCOMI', 'db 0xdb, 0xf1', 'pentium2'],
    ['FXSAVE', 'db 0x0f, 0xae, 0x05\ndd 0x5000', 'pentium2'],
    ['RDPMC', 'mov ecx, 0\nrdpmc', 'pentium2'],
    ['SSE', `${OSFXSR}\ndb 0x0f, 0x57, 0xc0`, 'pentium3'],
    ['SFENCE', 'db 0x0f, 0xae, 0xf8', 'pentium3'],
    ['SSE2', `${OSFXSR}\ndb 0x66, 0x0f, 0xd4, 0xc1`, 'max'],
    ['MOVNTI', 'db 0x0f, 0xc3, 0x05\ndd 0x5000', 'max'],
    ['LFENCE', 'db 0x0f, 0xae, 0xe8', 'max'],
  ])('%s', (_name, code, first) => {
    const there = MODELS.filter((model) => faultOf(code, model) === null)
    expect(there).toEqual(since(first))
  })

  it('SYSENTER, which faults for want of a segment where it is there', () => {
    const vectors = MODELS.map((model) => faultOf('sysenter', model))
    expect(vectors).toEqual(MODELS.map((model) => (since('pentium2').includes(model) ? GP : UD)))
  })

  it('test registers, on the 386 and the 486 alone', () => {
    const there = MODELS.filter((model) => faultOf('db 0x0f, 0x24, 0xf0', model) === null)
    expect(there).toEqual(['386', '486'])
    // TR3 to TR5 test the 486's own cache.
    expect(MODELS.filter((model) => faultOf('db 0x0f, 0x24, 0xd8', model) === null)).toEqual(['486'])
  })

  it('and a look-up in the TLB by a test register finds nothing', () => {
    const body = `
      mov eax, 0xfffff010
      db 0x0f, 0x26, 0xf8 ; TR7
      mov eax, 0x12345001
      db 0x0f, 0x26, 0xf0 ; TR6: look up
      db 0x0f, 0x24, 0xf0
      mov dx, 0xe9
      out dx, eax
      db 0x0f, 0x24, 0xf8
      out dx, eax`
    expect(runBareMetal(protectedFrame(body), '386').log).toEqual([0x12345001, 0xfffff000])
    expect(runBareMetal(protectedFrame(ring3('db 0x0f, 0x24, 0xf0')), '386').log[0]).toBe(GP)
  })
})

describe('the model decides which bits there are', () => {
  /** Bits of CR4 that can be set one at a time. */
  const cr4Bits = (model: CpuModelName): number[] =>
    Array.from({ length: 12 }, (_, bit) => bit).filter(
      // PAE alone: without paging it loads nothing.
      (bit) => faultOf(`mov eax, ${1 << bit}\nmov cr4, eax`, model) === null,
    )

  it('of CR4', () => {
    const pentium = [0, 1, 2, 3, 4, 6]
    const pentium2 = [...pentium, 5, 7, 8, 9].sort((a, b) => a - b)
    expect(cr4Bits('386')).toEqual([])
    expect(cr4Bits('486')).toEqual([0, 1, 4])
    expect(cr4Bits('pentium')).toEqual(pentium)
    expect(cr4Bits('pentium2')).toEqual(pentium2)
    expect(cr4Bits('pentium3')).toEqual([...pentium2, 10])
    expect(cr4Bits('max')).toEqual([...pentium2, 10])
  })

  it('of EFER: NX, on the newest alone', () => {
    const there = MODELS.filter(
      (model) => faultOf('mov ecx, 0xc0000080\nmov eax, 0x800\nxor edx, edx\nwrmsr', model) === null,
    )
    expect(there).toEqual(['max'])
  })

  /** Leaf 1's feature bits with the one instruction that each is about. */
  it.each<[string, number, string]>([
    ['TSC', 4, 'rdtsc'],
    ['MSR', 5, 'mov ecx, 0x10\nrdmsr'],
    ['CX8', 8, 'cmpxchg8b [0x5000]'],
    ['CMOV', 15, 'cmovc eax, ecx'],
    ['MMX', 23, 'emms'],
    ['FXSR', 24, 'db 0x0f, 0xae, 0x05\ndd 0x5000'],
    ['SSE', 25, 'db 0x0f, 0xae, 0xf8'],
    ['SSE2', 26, 'db 0x0f, 0xae, 0xe8'],
  ])('of CPUID: %s says what there is', (_name, bit, code) => {
    for (const model of since('486'))
      expect((CPU_MODELS[model].featureBits >>> bit) & 1, model).toBe(faultOf(code, model) === null ? 1 : 0)
  })
})

describe('memory type ranges', () => {
  const write = (register: number, low: number, high = 0, model: CpuModelName = 'max') =>
    faultOf(`mov ecx, ${register}\nmov eax, ${low}\nmov edx, ${high}\nwrmsr`, model)

  it('are there from the Pentium II on: eight variable ones, fixed ones, write combining', () => {
    const { log } = runBareMetal(protectedFrame('mov ecx, 0xfe\nrdmsr\nmov dx, 0xe9\nout dx, eax'))
    expect(log).toEqual([0x508])
    expect(MODELS.filter((model) => write(0x200, 6, 0, model) === null)).toEqual(since('pentium2'))
    expect(write(0x210, 0)).toBe(GP)
  })

  it('keep what is written', () => {
    const numbers = [0x200, 0x20e, 0x250, 0x26f]
    const body = numbers
      .map((register) => `mov ecx, ${register}\nmov eax, 0x06060606\nmov edx, 0x01010101\nwrmsr`)
      .join('\n')
      .replaceAll(
        /(mov ecx, (?:512|526)\n)mov eax, \S+\nmov edx, \S+/g,
        '$1mov eax, 0xabcd0006\nmov edx, 0x0f',
      )
    const back = numbers.map(
      (register) => `mov ecx, ${register}\nrdmsr\npush edx\nmov dx, 0xe9\nout dx, eax\npop eax\nout dx, eax`,
    )
    const { log } = runBareMetal(protectedFrame(`${body}\n${back.join('\n')}`))
    const [variable, fixed] = [
      [0xabcd0006, 0x0f],
      [0x06060606, 0x01010101],
    ]
    expect(log).toEqual([...variable!, ...variable!, ...fixed!, ...fixed!])
  })

  it.each<[string, number, number, number]>([
    ['a type that there is none of', 0x200, 2, 0],
    ['a type of pages alone', 0x200, 7, 0],
    ['bits below the page of a base', 0x200, 0x106, 0],
    ['an address beyond 36 bits', 0x200, 6, 0x10],
    ['bits below the valid bit of a mask', 0x201, 0x400, 0],
    ['a fixed range of no type', 0x250, 0x06060306, 0],
    ['reserved bits of the default', 0x2ff, 0x1000, 0],
    ['a default of no type', 0x2ff, 0xc03, 0],
    ['a page attribute of no type', 0x277, 0x00070402, 0x00070406],
  ])('refuse %s', (_name, register, low, high) => expect(write(register, low, high)).toBe(GP))

  it('take every type, and the default on', () => {
    for (const type of [0, 1, 4, 5, 6]) expect(write(0x2ff, 0xc00 | type)).toBeNull()
    expect(write(0x201, 0xf8000800, 0x0f)).toBeNull()
    expect(write(0x277, 0x00070106, 0x00070406)).toBeNull()
  })
})
