/**
 * The guest of the start-up probe: what every 32-bit system does and a limited KVM (such as one under another
 * hypervisor, without virtualisation of its own) does not. Each program starts in flat 32-bit code without paging
 * at PROBE_CODE and ends by writing EAX to a port.
 */
export const PROBE_CODE = 0x8000
export const PROBE_BYTES = 0x10000

const PAGE_DIRECTORY = 0x1000
const PAGE_TABLE = 0x2000
/** Linear page that shows the physical one behind it. */
const MOVED_PAGE = 5
const ANSWER = 0x600d600d
const OPERAND = 0x7000
const ONE = 0x3f800000
const TWO = 0x40000000
/** FCW and MXCSR are as after reset: all exceptions masked. */
const PRESENT_WRITABLE = 3

export interface ProbeProgram {
  /** What cannot be done where it fails. */
  limitation: 'kvm-no-paging' | 'kvm-no-sse'
  code: Uint8Array
  expected: number
}

const code = (...instructions: string[]): Uint8Array =>
  Uint8Array.from(instructions.join(' ').split(' '), (byte) => parseInt(byte, 16))

const OUT = 'e7 10' // out 10h, eax

export const PROBE_PROGRAMS: readonly ProbeProgram[] = [
  {
    limitation: 'kvm-no-paging',
    code: code(
      'b8 00 10 00 00', // mov eax, PAGE_DIRECTORY
      '0f 22 d8', // mov cr3, eax
      '0f 20 c0', // mov eax, cr0
      '0d 00 00 00 80', // or eax, 80000000h
      '0f 22 c0', // mov cr0, eax
      'a1 00 50 00 00', // mov eax, [MOVED_PAGE * 1000h]
      OUT,
    ),
    expected: ANSWER,
  },
  {
    limitation: 'kvm-no-sse',
    code: code(
      '0f 20 e0', // mov eax, cr4
      '0d 00 02 00 00', // or eax, 200h (OSFXSR)
      '0f 22 e0', // mov cr4, eax
      '0f 28 05 00 70 00 00', // movaps xmm0, [OPERAND]
      '0f 58 c0', // addps xmm0, xmm0
      '0f 29 05 00 70 00 00', // movaps [OPERAND], xmm0
      'a1 00 70 00 00', // mov eax, [OPERAND]
      OUT,
    ),
    expected: TWO,
  },
]

/** Leaf 1's ECX and EDX, one after the other, as the guest sees them: what the model says, and nothing else. */
export const CPUID_PROGRAM = code(
  'b8 01 00 00 00', // mov eax, 1
  '0f a2', // cpuid
  '89 c8', // mov eax, ecx
  OUT,
  '89 d0', // mov eax, edx
  OUT,
)

/** Fills the probe's memory for a program. */
export function placeProbe(memory: DataView, program: Uint8Array): void {
  for (let page = 0; page < PROBE_BYTES >> 12; page++) {
    const shown = page === MOVED_PAGE ? MOVED_PAGE + 1 : page
    memory.setUint32(PAGE_TABLE + 4 * page, (shown << 12) | PRESENT_WRITABLE, true)
  }
  memory.setUint32(PAGE_DIRECTORY, PAGE_TABLE | PRESENT_WRITABLE, true)
  memory.setUint32(MOVED_PAGE << 12, 0, true)
  memory.setUint32((MOVED_PAGE + 1) << 12, ANSWER, true)
  for (let at = 0; at < 16; at += 4) memory.setUint32(OPERAND + at, ONE, true)
  program.forEach((byte, at) => memory.setUint8(PROBE_CODE + at, byte))
}
