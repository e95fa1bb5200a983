import { describe, expect, it } from 'vitest'
import { RF } from '../../../engine/isa/flags.ts'
import { State } from '../../../engine/isa/state.ts'
import { RAM_BASE } from '../../../engine/memory/layout.ts'
import {
  type FrameOptions,
  PAGE_TABLES,
  protectedFrame,
  ring3 as toRing3,
  runBareMetal,
} from './bare-metal.ts'

/** Where programs leave what they have seen. */
const SEEN = { from: 0x5000, bytes: 0x1000 }
/** Words that say how far a run has come, not what the processor is. */
const PROGRESS: ReadonlySet<number> = new Set([
  State.ATTENTION,
  State.BUDGET,
  State.EIP,
  State.RECORD,
  State.RUN_START,
  State.EIP_BASE,
  State.JUMP_KEY,
  State.FLAT_USER_KEY,
  State.MODE_STALE,
])

/** Everything that a program has changed: log, registers, memory, retired instructions. */
function outcome(body: string, options: FrameOptions | undefined, way: 'quick' | 'stepped' | 'translated') {
  // Only what the TLB and the decoded code already know takes shortcuts, so each body runs more than once.
  const program = protectedFrame(
    `
  mov dword [0x4ffc], 8
again:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
${body}
  int 0x30
done:
  dec dword [0x4ffc]
  jz finish
  mov ebx, again
  jmp ebx`,
    { data: `times 16 db 0\n${options?.data ?? ''}`, ...(options?.spare && { spare: options.spare }) },
  ).replace('body:\n', 'body:\n  mov dword [kernel], done\n')
  const { log, snapshots, exit, processor } = runBareMetal(
    program.replaceAll('jmp ebx', 'mov dword [kernel], done\n  jmp ebx'),
    'max',
    { stepped: way === 'stepped', translated: way === 'translated' },
  )
  const { vcpu, memory } = processor
  // RF is cleared when an instruction is run by itself, and has no effect in between.
  const what = (words: Int32Array): number[] =>
    [...words.subarray(0, State.FPU_SCRATCH / 4)].map((word, i) =>
      PROGRESS.has(i * 4) ? 0 : i * 4 === State.EFLAGS_SYSTEM ? word & ~RF : word,
    )
  const seen = memory.memory.bytes.slice(RAM_BASE + SEEN.from, RAM_BASE + SEEN.from + SEEN.bytes)
  const states = [...snapshots, vcpu.state.words].map(what)
  return { log, exit, states, seen: Buffer.from(seen).toString('hex') }
}

function expectSame(body: string, options?: FrameOptions): ReturnType<typeof outcome> {
  const quick = outcome(body, options, 'quick')
  expect(quick).toEqual(outcome(body, options, 'stepped'))
  expect(outcome(body, options, 'translated')).toEqual(quick)
  expect(quick.exit).toBe('halt')
  return quick
}

/** To ring 3, where interrupts are enabled unless the flags say otherwise. */
const ring3 = (body: string, flags = 0x202): string => toRing3(body, flags)

/** Puts a gate at vector 32h. */
const gate = (access: number, selector = 8): string => `
  mov dword [idt + 0x190], .handler
  mov dword [idt + 0x194], .handler
  mov word [idt + 0x194], ${access}
  mov word [idt + 0x192], ${selector}
  mov word [idt_pointer], 0x197
  lidt [idt_pointer]`

/** Looks at the frame and the segments it finds, then goes back. */
const handler = `
  jmp .over
.handler:
  out 0xea, al
  mov ebx, [0x5000]
  pushfd
  pop dword [ss:ebx * 4 + 0x5010]
  mov [ss:0x5004], esp
  mov eax, [esp + 8]
  mov [ss:0x5008], eax
  mov [ss:0x500c], ds
  mov [ss:0x5100], ss
  mov [ss:0x5104], cs
  inc dword [ss:0x5000]
  iretd
.over:`

describe('what generated code does by itself is what the processor does', () => {
  it.each([
    ['an interrupt gate', 0xee00],
    ['a trap gate', 0xef00],
    ['a gate of level 0', 0x8e00],
    ['a gate that is not present', 0x6e00],
    ['a call gate', 0xec00],
  ])('INT from ring 3 through %s', (_name, access) => {
    expectSame(`${gate(access)}\n${handler}\n${ring3('stc\nstd\nint 0x32\ncld', 0x246)}`)
  })

  const paged = `
  ${PAGE_TABLES}
  mov dword [0x21000 + 0x50 * 4], 0
  mov dword [0x21000 + 0x51 * 4], 0x51005
  mov dword [0x21000 + 0x52 * 4], 0x52003
  mov eax, 0x20000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80010000
  mov cr0, eax
  jmp .paged
.paged:`
  /** Each of these faults, some of them twice so that all that the delivery needs has been used. */
  const faulting = (accesses: string[]): string =>
    [...accesses, ...accesses]
      .map((access, i) => `mov dword [resume], .after${i}\n${access}\n.after${i}:`)
      .join('\n')
  const everyKind = [
    'mov eax, [0x50123]',
    'add [0x50456], eax',
    'mov dword [0x51000], 1',
    'mov [0x4fffe], eax',
    'push dword [0x50000]',
    'stc\nstd\nlodsd\ncld',
  ]

  /** Copies the entries that walks have marked to where programs leave what they have seen. */
  const pages = ['0x4f', '0x50', '0x51', '0x52', '0x53'].map((page) => `0x21000 + ${page} * 4`)
  const entries = ['0x20000', '0x20004', ...pages]
    .map((at, i) => `mov ebx, [${at}]\nmov [0x5200 + ${i * 4}], ebx`)
    .join('\n')

  it('page faults in ring 0', () => {
    const walked = 'mov ebx, [0x53000]\nmov [0x4f000], ebx'
    const { log } = expectSame(`${paged}\nmov esi, 0x50010\n${walked}\n${faulting(everyKind)}\n${entries}`)
    expect(log.filter((word) => word === 14).length).toBeGreaterThanOrEqual(8 * 12)
  })

  it('page faults in ring 3', () => {
    const user = faulting([...everyKind, 'mov eax, [0x52000]', 'mov [0x52000], eax', 'inc dword [0x51ffe]'])
    // 4 MiB in one page besides.
    const large = 'mov dword [0x20004], 0x87\nmov eax, cr4\nor al, 0x10\nmov cr4, eax'
    const walked = 'mov ebx, [0x405000]\nmov [0x4f004], ebx'
    const { log } = expectSame(
      `${paged}\n${large}\nmov esi, 0x50010\n${ring3(`${walked}\n${user}\n${entries}`, 0x247)}`,
    )
    expect(log.filter((word) => word === 14).length).toBeGreaterThanOrEqual(8 * 18)
  })

  it.each([
    ['a trap gate', 0x8f00],
    ['a gate that is not present', 0x0e00],
  ])('a page fault through %s', (_name, access) => {
    const change = `mov word [idt + 14 * 8 + 4], ${access}`
    expectSame(`${paged}\n${change}\n${faulting(['mov eax, [0x50123]'])}`)
  })

  it.each([
    ['null', 0],
    ['beyond the table', 0x80],
    ['with RPL 3', 0x0b],
    ['data', 0x10],
    ['of ring 3', 0x18],
    ['not accessed yet', 0x40],
    ['conforming', 0x48],
    ['in a local table', 0x0c],
  ])('INT from ring 3 to code that is %s', (_name, selector) => {
    const spare = ['0x00cf9a000000ffff', '0x00cf9f000000ffff']
    expectSame(`${gate(0xee00, selector)}\n${handler}\n${ring3('int 0x32')}`, { spare })
  })

  it.each([
    ['null', 0, 0x67],
    ['of ring 3', 0x23, 0x67],
    ['not present', 0x40, 0x67],
    ['read-only', 0x48, 0x67],
    ['16 bits wide', 0x50, 0x67],
    ['beyond the end of the task segment', 0x10, 8],
  ])('INT from ring 3 onto a stack that is %s', (_name, selector, limit) => {
    const spare = ['0x00cf13000000ffff', '0x00cf91000000ffff', '0x008f93000000ffff']
    // The fault has no stack either: a double fault, and the end.
    const body = `
  mov word [gdt + 0x28], ${limit}
  mov byte [gdt + 0x2d], 0x89
  mov ax, 0x28
  ltr ax
  mov dword [tss + 8], ${selector}
  ${gate(0xee00)}
  ${handler}
  ${ring3('int 0x32')}`
    const quick = outcome(body, { spare }, 'quick')
    expect(quick).toEqual(outcome(body, { spare }, 'stepped'))
    expect(outcome(body, { spare }, 'translated')).toEqual(quick)
  })

  it.each([0x2, 0x202, 0xad7, 0x10202, 0x40202, 0x200202, 0x3202, 0x80202, 0x4202])(
    'IRET to ring 3 with flags %i',
    (flags) => {
      const look = flags & 0x3000 ? 'out 0xea, al' : ''
      expectSame(
        ring3(`${look}\npushfd\npop dword [0x5000]\nint 0x31\n${look}\npushfd\npop dword [0x5004]`, flags),
      )
    },
  )

  it('IRET within ring 0, with other flags, and with code of other kinds', () => {
    const spare = ['0x00cf9a000000ffff', '0x00cf9f000000ffff', '0x00009b000000ffff', '0x00cf93000000ffff']
    const to = (selector: number, flags: number) => `
  mov dword [resume], .next${selector}x${flags}
  mov [0x5ff0], esp
  push dword ${flags}
  push dword ${selector}
  push dword .next${selector}x${flags}
  iretd
.next${selector}x${flags}:
  out 0xea, al
  mov esp, [0x5ff0]
  pushfd
  pop dword [0x5000 + ${flags & 0xff}]
  mov [0x5100 + ${selector}], cs
  push dword 0
  popfd`
    expectSame(
      [
        to(8, 2),
        to(8, 0xcd7),
        to(8, 0x10002),
        to(8, 0x4002),
        to(0x40, 2),
        to(0x48, 2),
        to(0x58, 2),
        to(0, 2),
        to(0x0c, 2),
      ].join('\n'),
      { spare },
    )
  })

  it('IRET to ring 3 takes away data segments of ring 0 and leaves others', () => {
    const body = `
  mov ax, 0x23
  mov fs, ax
  xor ax, ax
  mov gs, ax
  ${ring3('mov [0x5000], fs\nmov [0x5004], gs\nmov eax, [fs:0x5000]\nout 0xea, al\nint 0x31\nmov [0x5008], fs', 0x3202)}
`
    expectSame(body)
  })

  it('SYSENTER and SYSEXIT, and without a selector neither', () => {
    const write = (index: number, value: string) => `
  mov ecx, ${index}
  mov eax, ${value}
  xor edx, edx
  wrmsr`
    const body = (selector: number) => `
  ${write(0x174, String(selector))}
  ${write(0x175, '0xa800')}
  ${write(0x176, '.inside')}
  mov dx, 0xe9
  ${ring3(
    `
  mov dword [resume], .after
  mov ebp, esp
  sysenter
.inside:
  out 0xea, al
  mov [ss:0x5000], esp
  mov [ss:0x5004], cs
  mov [ss:0x5008], ss
  pushfd
  pop dword [ss:0x500c]
  mov ecx, ebp
  mov edx, .after
  sti
  sysexit
.after:
  out 0xea, al
  mov [0x5010], esp
  mov [0x5014], cs
  mov [0x5018], ss
  pushfd
  pop dword [0x501c]`,
    0x3202,
  )}`
    expectSame(body(8))
    expectSame(body(0))
  })

  const kinds: [name: string, descriptor: string][] = [
    ['flat data', '0x00cf93000000ffff'],
    ['data that has not been accessed', '0x00cf92000000ffff'],
    ['data of ring 3', '0x00cff3000000ffff'],
    ['data elsewhere', '0x1240931234560fff'],
    ['tiny data', '0x0040930050000007'],
    ['data that cannot be written', '0x00cf91000000ffff'],
    ['data that expands down', '0x00c097000000ffff'],
    ['code that can be read', '0x00cf9b000000ffff'],
    ['code that cannot', '0x00cf99000000ffff'],
    ['conforming code', '0x00cf9f000000ffff'],
    ['data that is not present', '0x00cf13000000ffff'],
    ['a task-state segment', '0x0000890000000067'],
  ]
  const loads = (selector: number): string =>
    ['fs', 'gs', 'es', 'ds']
      .flatMap((segment) => [
        `mov ax, ${selector}\n mov ${segment}, ax`,
        `push dword ${selector}\n pop ${segment}`,
        ...(segment === 'ds' ? [] : [`l${segment} eax, [ss:.far]`]),
      ])
      .map(
        (load, i) => `
  mov dword [ss:resume], .next${selector}x${i}
  mov [ss:0x5ff0], esp
  ${load}
.next${selector}x${i}:
  mov esp, [ss:0x5ff0]
  mov eax, [ss:0x5ff4]
  out 0xea, al
  mov [ss:eax + 0x5200], fs
  mov [ss:eax + 0x5202], gs
  mov [ss:eax + 0x5204], es
  mov [ss:eax + 0x5206], ds
  add byte [ss:0x5ff4], 8
  mov ax, ss
  mov ds, ax
  mov es, ax`,
      )
      .join('\n')

  it.each(kinds)('loads of segment registers: %s', (_name, descriptor) => {
    const far = 'jmp .start\n.far: dd 0x12345678\n dw 0x40\n.start:'
    expectSame(`${far}\n${loads(0x40)}`, { spare: [descriptor] })
    expectSame(ring3(`${far}\n${loads(0x43)}`, 0x3202), { spare: [descriptor] })
  })

  it.each([0, 3, 0x44, 0x80])('loads of segment registers: selector %i', (selector) => {
    const far = `jmp .start\n.far: dd 0x12345678\n dw ${selector}\n.start:`
    expectSame(`${far}\n${loads(selector)}`)
    expectSame(ring3(`${far}\n${loads(selector)}`, 0x3202))
  })

  it('single steps with TF go over INT, IRET and SYSENTER one by one', () => {
    const trap = `
  mov dword [idt + 8], .trap
  mov word [idt + 10], 8
  mov word [idt + 12], 0x8e00
  jmp .over2
.trap:
  push eax
  mov eax, [ss:0x5ffc]
  inc dword [ss:0x5ffc]
  push ebx
  mov ebx, [esp + 8]
  sub ebx, body
  mov [ss:eax * 4 + 0x5400], ebx
  pop ebx
  pop eax
  iretd
.over2:`
    expectSame(`${trap}\n${gate(0xee00)}\n${handler}\n${ring3('nop\nint 0x32\nnop', 0x302)}`)
  })

  it('knows the level after faults in between, which go another way than INT', () => {
    const fault = `
  mov dword [idt + 0x30], .fault
  mov word [idt + 0x32], 8
  mov word [idt + 0x34], 0x8e00
  jmp .over3
.fault:
  out 0xea, al
  int 0x31
  mov [ss:0x5008], esp
  add dword [ss:esp], 2
  iretd
.over3:`
    expectSame(`${fault}\n${ring3('ud2\nud2\nint 0x31\nud2\nmov eax, [0x5000]\nud2')}`)
  })

  it.each([0x2, 0x202])('CLI, STI, PUSHF and POPF at either level, with flags %i', (flags) => {
    const all = (at: number) => `
  mov eax, 0x7fffffff
  add eax, 1
  pushfd
  pop dword [ss:${at}]
  push dword ${flags | 0xcd5}
  popfd
  mov dword [ss:resume], .one${at}
  cli
.one${at}:
  pushf
  pop word [ss:${at + 4}]
  mov dword [ss:resume], .two${at}
  sti
  xor eax, eax
.two${at}:
  setz [ss:${at + 8}]
  push word ${flags | 0x40}
  popf
  setz [ss:${at + 9}]
  pushfd
  pop dword [ss:${at + 12}]
  push dword ${flags | 0x4000}
  popfd
  pushfd
  pop dword [ss:${at + 16}]
  push dword ${flags}
  popfd`
    expectSame(`${all(0x5000)}\n${ring3(all(0x5100))}`)
    expectSame(`${all(0x5000)}\n${ring3(all(0x5100), 0x3202)}`)
  })

  it('ports answer with the width asked for, and OUT leaves the accumulator alone', () => {
    expectSame(`
  mov eax, 0x11223344
  mov dx, 0xe9
  in al, dx
  mov [0x5000], eax
  in ax, dx
  mov [0x5004], eax
  in eax, dx
  mov [0x5008], eax
  in al, 0xe9
  out dx, al
  out dx, ax
  out 0xe9, eax
  mov [0x500c], eax`)
  })
})
