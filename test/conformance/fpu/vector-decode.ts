import type { Lanes } from './sse-decode.ts'

/** An instruction that only the interpreter can run; it may read or write 16 bytes at [EDX]. */
export interface VectorInstruction {
  readonly name: string
  readonly code: readonly number[]
  readonly lanes: Lanes
}

const hex = (bytes: readonly number[]): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
const make = (code: readonly number[], lanes: Lanes = 'integer'): VectorInstruction => ({
  name: hex(code),
  code,
  lanes,
})

/** ModRM of register 1 with register 2, with register 0, and with memory at [EDX]. */
const REGISTER = 0xca
const MEMORY = 0x0a

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Second opcode bytes of instructions that MMX registers and, after 66, XMM registers have alike. */
const LANES = [
  ...range(0x60, 0x6b),
  0x74,
  0x75,
  0x76,
  ...range(0xd1, 0xd5),
  ...range(0xd8, 0xe5),
  ...range(0xe8, 0xef),
  ...range(0xf1, 0xf6),
  ...range(0xf8, 0xfe),
].filter((opcode) => opcode !== 0xd6)

const IMMEDIATES = [0, 1, 5, 8, 15, 16, 27, 31, 32, 63, 64, 0xe4, 0xff]
const SHIFTS: [opcode: number, digit: number][] = [
  [0x71, 2],
  [0x71, 4],
  [0x71, 6],
  [0x72, 2],
  [0x72, 4],
  [0x72, 6],
  [0x73, 2],
  [0x73, 6],
]

function integers(): VectorInstruction[] {
  const list: VectorInstruction[] = []
  for (const prefix of [[], [0x66]])
    for (const opcode of LANES) {
      list.push(make([...prefix, 0x0f, opcode, REGISTER]))
      // CPUs may read all 8 bytes here, but the tests' operand has them.
      list.push(make([...prefix, 0x0f, opcode, MEMORY]))
    }
  for (const opcode of [0x6c, 0x6d])
    list.push(make([0x66, 0x0f, opcode, REGISTER]), make([0x66, 0x0f, opcode, MEMORY]))
  for (const immediate of IMMEDIATES) {
    for (const [opcode, digit] of SHIFTS)
      for (const prefix of [[], [0x66]])
        list.push(make([...prefix, 0x0f, opcode, 0xc1 | (digit << 3), immediate]))
    for (const digit of [3, 7]) list.push(make([0x66, 0x0f, 0x73, 0xc1 | (digit << 3), immediate]))
    for (const prefix of [[], [0x66], [0xf2], [0xf3]])
      for (const modrm of [REGISTER, MEMORY]) list.push(make([...prefix, 0x0f, 0x70, modrm, immediate]))
    for (const prefix of [[], [0x66]]) {
      for (const modrm of [REGISTER, MEMORY]) list.push(make([...prefix, 0x0f, 0xc6, modrm, immediate]))
      list.push(make([...prefix, 0x0f, 0xc4, 0xc9, immediate]))
      list.push(make([...prefix, 0x0f, 0xc4, MEMORY, immediate]))
      list.push(make([...prefix, 0x0f, 0xc5, 0xc2, immediate]))
    }
  }
  return list
}

function moves(): VectorInstruction[] {
  const list: VectorInstruction[] = []
  const two = (prefix: number[], opcode: number, ...modrms: number[]): void => {
    for (const modrm of modrms) list.push(make([...prefix, 0x0f, opcode, modrm]))
  }
  for (const prefix of [[], [0x66]]) {
    two(prefix, 0x6e, 0xc9, MEMORY)
    two(prefix, 0x7e, 0xc8, MEMORY)
    two(prefix, 0x6f, REGISTER, MEMORY)
    two(prefix, 0x7f, MEMORY)
    two(prefix, 0xd7, 0xc2)
    two(prefix, 0xe7, MEMORY)
    two(prefix, 0x50, 0xc2)
    for (const opcode of [0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x28, 0x29, 0x2b]) two(prefix, opcode, MEMORY)
    for (const opcode of [0x14, 0x15, 0x54, 0x55, 0x56, 0x57]) two(prefix, opcode, REGISTER, MEMORY)
    for (const opcode of [0x10, 0x28]) two(prefix, opcode, REGISTER)
  }
  two([], 0x12, REGISTER)
  two([], 0x16, REGISTER)
  two([0xf3], 0x6f, REGISTER, MEMORY)
  two([0xf3], 0x7f, MEMORY)
  two([0xf3], 0x7e, REGISTER, MEMORY)
  two([0x66], 0xd6, MEMORY)
  two([0xf3], 0xd6, REGISTER)
  two([0xf2], 0xd6, REGISTER)
  for (const prefix of [[0xf2], [0xf3]]) {
    two(prefix, 0x10, REGISTER, MEMORY)
    two(prefix, 0x11, MEMORY)
  }
  two([], 0xc3, MEMORY)
  return list
}

/** Floating-point forms with a memory operand; the register forms are tested with the module too. */
function floatingPoint(): VectorInstruction[] {
  const list: VectorInstruction[] = []
  for (const [prefix, lanes] of [
    [[], 'single'],
    [[0xf3], 'single'],
    [[0x66], 'double'],
    [[0xf2], 'double'],
  ] as const) {
    for (const opcode of [0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f])
      list.push(make([...prefix, 0x0f, opcode, MEMORY], lanes))
    list.push(make([...prefix, 0x0f, 0xc2, MEMORY, 2], lanes))
    list.push(make([...prefix, 0x0f, 0x5a, MEMORY], lanes))
    list.push(make([...prefix, 0x0f, 0x2a, MEMORY]))
    for (const opcode of [0x2c, 0x2d]) list.push(make([...prefix, 0x0f, opcode, MEMORY], lanes))
  }
  for (const [prefix, lanes] of [
    [[], 'single'],
    [[0x66], 'double'],
  ] as const)
    for (const opcode of [0x2e, 0x2f]) list.push(make([...prefix, 0x0f, opcode, MEMORY], lanes))
  for (const prefix of [[], [0x66], [0xf3]])
    list.push(make([...prefix, 0x0f, 0x5b, MEMORY], prefix.length === 0 ? 'integer' : 'single'))
  for (const prefix of [[0x66], [0xf2]]) list.push(make([...prefix, 0x0f, 0xe6, MEMORY], 'double'))
  list.push(make([0xf3, 0x0f, 0xe6, MEMORY]))
  list.push(make([0x0f, 0xae, 0x1a]))
  return list
}

export const VECTOR_INSTRUCTIONS: readonly VectorInstruction[] = [
  ...integers(),
  ...moves(),
  ...floatingPoint(),
]
