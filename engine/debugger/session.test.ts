import { describe, expect, it } from 'vitest'
import type { StopReason } from '../vcpu/stops.ts'
import { PacketReader, framed } from './packet.ts'
import { GdbSession } from './session.ts'
import type { DebugTarget } from './target.ts'

/** Two registers and 64 KiB of memory. */
function connect() {
  const registers: Uint8Array[] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(2, 0, 0, 0)]
  const memory = new Uint8Array(0x10000)
  const calls: string[] = []
  let reason: StopReason = { kind: 'step' }
  let running = false
  const target: DebugTarget = {
    features: [
      {
        name: 'org.gnu.gdb.i386.core',
        types: '',
        registers: ['eax', 'ecx'].map((name) => ({ name, bits: 32, type: 'int32' })),
      },
    ],
    settings: { space: 'linear', linearPc: false, stepInterrupts: false },
    readRegister: (index) => registers[index]!,
    writeRegister: (index, value) => {
      registers[index] = value
      return true
    },
    readMemory: (_space, address, length) => memory.slice(address, address + length),
    writeMemory: (_space, address, bytes) => {
      if (address + bytes.length > memory.length) return false
      memory.set(bytes, address)
      return true
    },
    setPoint: (kind, linear, length) => calls.push(`set ${kind} ${linear} ${length}`) > 0,
    clearPoint: (kind, linear, length) => void calls.push(`clear ${kind} ${linear} ${length}`),
    clearPoints: () => void calls.push('clear all'),
    begin: (single) => void calls.push(single ? 'step' : 'go'),
    stopReason: () => reason,
  }
  const reader = new PacketReader()
  const answers: string[] = []
  const session = new GdbSession(
    {
      target,
      get isRunning() {
        return running
      },
      resume: () => void (running = true),
      halt: () => {
        running = false
        session.stopped('interrupted')
      },
      reset: () => void calls.push('reset'),
      kill: () => void calls.push('kill'),
    },
    (bytes) => {
      for (const received of reader.read(bytes))
        answers.push(
          received.kind === 'packet' ? Buffer.from(received.data).toString('latin1') : received.kind,
        )
    },
  )
  const raw = (bytes: Uint8Array): string[] => {
    answers.length = 0
    session.receive(bytes)
    return [...answers]
  }
  return {
    session,
    memory,
    calls,
    raw,
    ask: (text: string): string | undefined => raw(framed(Buffer.from(text, 'latin1')))[0],
    stop: (next: StopReason): string[] => {
      reason = next
      running = false
      answers.length = 0
      session.stopped('target')
      return [...answers]
    },
  }
}

describe('a session with GDB', () => {
  it('reads and writes registers', () => {
    const { ask } = connect()
    expect(ask('g')).toBe('0100000002000000')
    expect(ask('p1')).toBe('02000000')
    expect(ask('P1=78563412')).toBe('OK')
    expect(ask('G05000000')).toBe('OK')
    expect(ask('g')).toBe('0500000078563412')
    expect(ask('p2')).toBe('E16')
    expect(ask('P1=78')).toBe('E01')
  })

  it('reads and writes memory, as far as there is any', () => {
    const { ask, memory } = connect()
    expect(ask('M10,3:010203')).toBe('OK')
    expect(ask('X13,2:\x04}')).toBe('OK')
    expect(ask('m10,5')).toBe('010203047d')
    expect(ask('mffff,4')).toBe('00')
    expect(ask('m10000,4')).toBe('E0e')
    expect(ask('Mffff,2:0102')).toBe('E0e')
    expect(ask('M10,4:0102')).toBe('E16')
    expect(memory[0x10]).toBe(1)
  })

  it('says why the guest stopped', () => {
    const { ask, stop, calls, raw } = connect()
    expect(ask('Z0,1000,1')).toBe('OK')
    expect(ask('Z1,2000,1')).toBe('OK')
    expect(ask('Z2,3000,4')).toBe('OK')
    expect(ask('Z5,3000,4')).toBe('')
    expect(calls).toEqual(['set breakpoint 4096 1', 'set breakpoint 8192 1', 'set write 12288 4'])
    expect(ask('vCont;s:1')).toBeUndefined()
    expect(stop({ kind: 'step' })).toEqual(['T05thread:1;'])
    expect(ask('c')).toBeUndefined()
    expect(stop({ kind: 'breakpoint', linear: 0x1000 })).toEqual(['T05thread:1;swbreak:;'])
    expect(ask('c')).toBeUndefined()
    expect(stop({ kind: 'breakpoint', linear: 0x2000 })).toEqual(['T05thread:1;hwbreak:;'])
    expect(ask('c')).toBeUndefined()
    expect(stop({ kind: 'watchpoint', watch: 'write', linear: 0x3000 })).toEqual(['T05thread:1;watch:3000;'])
    expect(ask('c')).toBeUndefined()
    expect(raw(Uint8Array.of(3))).toEqual(['T02thread:1;'])
  })

  it('lets the guest go on without it', () => {
    const { ask, calls, session } = connect()
    expect(ask('D')).toBe('OK')
    expect(calls).toEqual(['clear all', 'go'])
    expect(session.isOver).toBe(true)
  })

  it('answers monitor commands', () => {
    const { ask, calls } = connect()
    const monitor = (line: string) => {
      const hex = ask(`qRcmd,${Buffer.from(line).toString('hex')}`) ?? ''
      return Buffer.from(hex, 'hex').toString()
    }
    expect(monitor('help')).toContain('info registers')
    expect(monitor('info registers')).toBe('eax        00000001\necx        00000002\n')
    expect(monitor('reset')).toContain('reset')
    expect(calls).toEqual(['reset'])
    expect(monitor('phys on')).toBe('on\n')
    expect(ask('qqemu.PhyMemMode')).toBe('1')
    expect(monitor('phys __proto__')).toContain('one of on, off')
    expect(monitor('sing')).toContain('no command')
  })

  it('gives an answer to whatever comes, and throws at nothing', () => {
    const { ask, raw } = connect()
    let seed = 7
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    const letters = 'gGpPmMXZzvqQHTRrsScCd?!:;,=#$}*0123456789abcdefxyzRemote'
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: random(12) }, () => letters[random(letters.length)]!).join('')
      if (/^(k|D|vKill)/.test(text)) continue
      ask(text)
      raw(Uint8Array.from({ length: random(8) }, () => random(256)))
    }
    raw(Uint8Array.of(0x23, 0x30, 0x30, 0x23, 0x30, 0x30)) // ends whatever was begun
    expect(ask('p0')).toMatch(/^([0-9a-f]{8}|E\d\d)$/)
  })
})
