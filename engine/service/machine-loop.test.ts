import { describe, expect, it } from 'vitest'
import { PatternMachine } from '../../test/support/pattern-machine.ts'
import type { RunOutcome } from '../machine/machine.ts'
import { because, technical } from '../protocol/reasons.ts'
import type { HostFault } from '../protocol/vm.ts'
import { readFrame } from '../protocol/frame.ts'
import { MachineLoop, type LoopHost } from './machine-loop.ts'
import type { FromMachine, ToMachine } from './thread-messages.ts'

/** A machine whose picture changes as told and whose time is the test's. */
class ScriptedMachine extends PatternMachine {
  outcomes: RunOutcome[] = []
  /** Pieces of its memory that are still to come. */
  coming = 0
  closed = 0
  fail: (fault: HostFault) => void = () => {}
  dirty: { x: number; y: number; width: number; height: number }[] = []

  constructor() {
    super({ memoryMiB: 4, drives: [{ kind: 'floppy', path: 'a.img', readonly: false }] })
    const { text } = this.display
    const pixels = new Uint8Array(64 * 32 * 4)
    this.display = {
      text,
      update: () => {
        const dirty = this.dirty
        this.dirty = []
        return { width: 64, height: 32, pixels, dirty, aspectRatio: 4 / 3 }
      },
    }
  }

  override run(): RunOutcome {
    return this.outcomes.shift() ?? { kind: 'powered-off' }
  }

  override bringIn(): boolean {
    if (this.coming > 0) this.coming--
    return this.coming > 0
  }

  override onFault(listener: (fault: HostFault) => void): void {
    this.fail = listener
  }

  override close(): void {
    this.closed++
  }
}

class ScriptedHost implements LoopHost {
  now = 0
  sleeps: number[] = []
  sent: FromMachine[] = []
  /** Messages by the turn at which they come in. */
  inbox: ToMachine[][] = []
  #turn: ToMachine[] | undefined

  nowNs(): number {
    return this.now
  }

  sleep(ns: number): void {
    this.sleeps.push(ns)
    this.now += ns === Infinity ? 0 : ns
  }

  receive(): ToMachine | undefined {
    this.#turn ??= this.inbox.shift() ?? []
    const message = this.#turn.shift()
    if (!message) this.#turn = undefined
    return message
  }

  rest(): void {}

  memoryBytes(): number {
    return 50_000_000
  }

  post(message: FromMachine): void {
    this.sent.push(message)
  }

  of<K extends FromMachine['kind']>(kind: K): Extract<FromMachine, { kind: K }>[] {
    return this.sent.filter((message): message is Extract<FromMachine, { kind: K }> => message.kind === kind)
  }
}

function powerOn(outcomes: RunOutcome[], inbox: ToMachine[][] = []) {
  const machine = new ScriptedMachine()
  machine.outcomes = outcomes
  const host = new ScriptedHost()
  host.inbox = inbox
  return { machine, host, loop: new MachineLoop(machine, host) }
}
const slice: RunOutcome = { kind: 'slice' }
const idle = (wakeNs: number): RunOutcome => ({ kind: 'idle', wakeNs, held: false })
const request = (name: 'pause' | 'resume' | 'screenText' | 'powerOff', id = 1) =>
  ({ kind: 'request', id, name, args: [] }) as ToMachine

describe('machine loop', () => {
  it('runs until the guest switches off, and closes the machine', () => {
    const { machine, host, loop } = powerOn([slice, slice])
    loop.run()
    expect(host.of('state').map(({ state }) => state.kind)).toEqual(['running', 'off'])
    expect(machine.closed).toBe(1)
  })

  it('sleeps until the next timer of an idle guest, without waking for pictures that nobody watches', () => {
    const { host, loop } = powerOn([idle(54_925_000), idle(Infinity)])
    loop.run()
    expect(host.sleeps).toEqual([54_925_000, Infinity])
  })

  it('wakes 60 times a second for a watcher, and less often once the picture stands still', () => {
    const { host, loop } = powerOn(Array(60).fill(idle(Infinity)), [[{ kind: 'open-view', view: 1 }]])
    loop.run()
    expect(host.sleeps[1]).toBeCloseTo(16_666_666, -2)
    expect(host.sleeps.at(-1)).toBeCloseTo(100_000_000, -2)
  })

  it('looks at the picture soon after a key, and goes on at its pace', () => {
    const { host, loop } = powerOn(Array(4).fill(idle(Infinity)), [
      [{ kind: 'open-view', view: 1 }],
      [{ kind: 'key', code: 'KeyA', pressed: true }],
    ])
    loop.run()
    expect(host.sleeps.map((ns) => Math.round(ns / 1e5) / 10)).toEqual([16.7, 3, 13.7, 16.7])
  })

  it('looks at the picture of a guest that has answered a key and rests, and after a button', () => {
    const at = { x: 0, y: 0, width: 4, height: 4 }
    const { machine, host, loop } = powerOn(Array(5).fill(idle(1_000_000)), [
      [{ kind: 'open-view', view: 1 }],
      [{ kind: 'key', code: 'KeyA', pressed: true }],
      [],
      [{ kind: 'mouse', dx: 0, dy: 0, wheel: 0, buttons: 1 }],
      [],
    ])
    const run = machine.run.bind(machine)
    let turn = 0
    machine.run = () => {
      if (turn++ % 2 === 1) machine.dirty = [at]
      return run()
    }
    const sentMs: number[] = []
    const post = host.post.bind(host)
    host.post = (message) => {
      if (message.kind === 'frame') sentMs.push(host.now / 1e6)
      post(message)
    }
    loop.run()
    expect(sentMs).toEqual([0, 1, 3])
  })

  it('sends the whole picture first, then what changed, at most three ahead of the watcher', () => {
    const at = (x: number) => ({ x, y: 0, width: 4, height: 4 })
    const { machine, host, loop } = powerOn(Array(6).fill(idle(Infinity)), [
      [{ kind: 'open-view', view: 1 }],
      [],
      [],
      [],
      [{ kind: 'acknowledge', view: 1, sequence: 1 }],
    ])
    const run = machine.run.bind(machine)
    let turn = 0
    machine.run = () => {
      machine.dirty = [at(10 * turn++)]
      return run()
    }
    loop.run()
    const frames = host.of('frame').map(({ buffer }) => readFrame(buffer)!)
    expect(frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
    expect(frames[0]!.rects[0]).toMatchObject({ x: 0, y: 0, width: 64, height: 32 })
    expect(frames[1]!.rects.map(({ x }) => x)).toEqual([10])
    expect(frames[2]!.rects.map(({ x }) => x)).toEqual([20])
    expect(frames[3]!.rects.map(({ x }) => x)).toEqual([30, 40]) // owed while there was no credit
  })

  it('tells what of the host failed it once a minute', () => {
    const { machine, host, loop } = powerOn(Array(4).fill(idle(40_000_000_000)))
    const run = machine.run.bind(machine)
    machine.run = () => {
      const fault = { drive: 'ide0-master', operation: 'write', path: 'a.img', kind: 'full' } as const
      for (const reason of [because('disk-full'), because('disk-full'), because('file-deleted')])
        machine.fail({ ...fault, reason })
      return run()
    }
    loop.run()
    expect(host.of('fault').map(({ fault }) => fault.reason.key)).toEqual([
      'disk-full',
      'file-deleted',
      'disk-full',
      'file-deleted',
      'disk-full',
      'file-deleted',
    ])
  })

  it('pauses with the reason while the host has no room, tries again now and then, and goes on by itself', () => {
    const full: RunOutcome = { kind: 'stalled', path: 'a.img', reason: because('disk-full') }
    const { host, loop } = powerOn([full, full, slice])
    loop.run()
    expect(host.of('state').map(({ state }) => state)).toEqual([
      { kind: 'running' },
      { kind: 'paused', reason: because('of-file', { path: 'a.img', reason: because('disk-full') }) },
      { kind: 'running' },
      { kind: 'off' },
    ])
    expect(host.sleeps).toEqual([2e9, 2e9])
  })

  it('stays paused when somebody pauses it while it waits for room', () => {
    const full: RunOutcome = { kind: 'stalled', path: 'a.img', reason: because('disk-full') }
    const { machine, host, loop } = powerOn(
      [full, slice, slice],
      [[], [request('pause')], [], [request('powerOff')]],
    )
    loop.run()
    expect(host.of('state').map(({ state }) => state.kind)).toEqual(['running', 'paused', 'off'])
    expect(machine.outcomes).toHaveLength(2)
  })

  it('stands still while paused and answers all the same', () => {
    const { host, loop } = powerOn(
      [slice],
      [[request('pause')], [request('screenText', 2)], [request('resume', 3)]],
    )
    loop.run()
    expect(host.of('state').map(({ state }) => state.kind)).toEqual(['running', 'paused', 'running', 'off'])
    expect(host.of('answer').find(({ id }) => id === 2)!.value).toMatchObject({ columns: 80, rows: 25 })
    expect(host.sleeps).toEqual([Infinity, Infinity])
  })

  it('brings in memory between slices, and instead of sleeping until all of it is there', () => {
    const idle: RunOutcome = { kind: 'idle', wakeNs: 5e6, held: false }
    const { machine, host, loop } = powerOn([slice, idle, idle, idle, idle])
    machine.coming = 7
    loop.run()
    expect(machine.coming).toBe(0)
    // One piece after each slice and one more where it is idle: the third idle slice brings the last.
    expect(host.sleeps).toEqual([5e6, 5e6])
  })

  it('brings in memory while it is paused', () => {
    const { machine, host, loop } = powerOn([slice], [[request('pause')], [], [], [], [request('powerOff')]])
    machine.coming = 4
    loop.run()
    expect(machine.coming).toBe(0)
    expect(host.sleeps).toEqual([Infinity])
  })

  it('turns an exception of the machine into a state, whoever it hits', () => {
    const { machine, host, loop } = powerOn([slice, slice])
    machine.run = () => {
      throw new RangeError('out of range')
    }
    loop.run()
    expect(host.of('state').at(-1)?.state).toEqual({ kind: 'failed', reason: technical('out of range') })
    expect(machine.closed).toBe(1)
  })

  it('reports a crash with its reason', () => {
    const { host, loop } = powerOn([{ kind: 'crashed', reason: because('triple-fault') }])
    loop.run()
    expect(host.of('state').at(-1)?.state).toEqual({ kind: 'crashed', reason: because('triple-fault') })
  })

  it('answers a refused request with the error, and goes on', () => {
    const { host, loop } = powerOn(
      [slice],
      [
        [{ kind: 'request', id: 9, name: 'eject', args: ['ide0-master'] }],
        [{ kind: 'request', id: 10, name: 'eject', args: ['floppy0'] }],
      ],
    )
    loop.run()
    expect(host.of('error')).toMatchObject([
      { id: 9, error: { code: 'option-invalid', details: { option: 'ide0-master' } } },
    ])
    expect(host.of('answer').map(({ id }) => id)).toContain(10)
  })

  it('passes serial bytes both ways, in one message per turn', () => {
    const { host, loop } = powerOn(
      [slice],
      [
        [
          { kind: 'serial', port: 0, bytes: Uint8Array.of(1, 2) },
          { kind: 'serial', port: 0, bytes: Uint8Array.of(3) },
        ],
      ],
    )
    loop.run()
    expect(host.of('serial')).toEqual([{ kind: 'serial', port: 0, bytes: Uint8Array.of(1, 2, 3) }])
  })

  it('tells how busy the guest was, once a second, only while watched', () => {
    const quarter = Array(9).fill(idle(250_000_000))
    const { host, loop } = powerOn(quarter, [[{ kind: 'watch-stats', on: true }]])
    loop.run()
    expect(host.of('stats').length).toBe(4) // and at the end
    expect(host.of('stats')[1]!.stats.busy).toBeCloseTo(0)
  })
})
