import type { StopReason } from '../vcpu/stops.ts'
import { targetDescription } from './description.ts'
import { monitor } from './monitor.ts'
import {
  ACKNOWLEDGED,
  MAX_PACKET,
  NOT_ACKNOWLEDGED,
  PacketReader,
  framed,
  fromHex,
  number,
  toHex,
} from './packet.ts'
import type { DebugTarget, PointKind, RegisterDescription } from './target.ts'

/** What a session does to the machine that it debugs. */
export interface DebuggedMachine {
  readonly target: DebugTarget
  readonly isRunning: boolean
  /** Lets it run, as the target was told to. */
  resume(): void
  /** Stops it between two instructions; the session hears of it at once. */
  halt(): void
  reset(): void
  /** Ends it. */
  kill(): void
}

/** Signals by which the protocol names a reason to stop. */
const SIGNAL = { interrupted: 2, trap: 5 } as const
/** Error numbers mean nothing to GDB; these are as good as any. */
const ERROR = { malformed: 'E16', memory: 'E0e', refused: 'E01' } as const
const OK = 'OK'
const UNSUPPORTED = ''

/** Kinds of points by the number in Z and z packets. Memory is not touched for software breakpoints either. */
const POINTS: Record<string, PointKind> = {
  0: 'breakpoint',
  1: 'breakpoint',
  2: 'write',
  3: 'read',
  4: 'access',
}
const MAX_WATCHED = 0x10000
const WATCH_NAMES = { write: 'watch', read: 'rwatch', access: 'awatch' } as const

/**
 * One connection of a debugger: GDB's remote serial protocol (GDB manual, appendix E) in front of a target.
 * It takes any bytes, and answers every packet with one.
 */
export class GdbSession {
  readonly #reader = new PacketReader()
  readonly #description: string
  #acknowledges = true
  #last: Uint8Array = framed(new Uint8Array())
  /** The debugger waits to hear that the machine stopped. */
  #awaited = false
  #over = false
  /** Answers to q and Q packets, by what they begin with. */
  readonly #queries: Record<string, (text: string) => string>

  constructor(
    private readonly machine: DebuggedMachine,
    private readonly send: (bytes: Uint8Array) => void,
  ) {
    this.#description = targetDescription(machine.target.features)
    this.#queries = {
      qSupported: () =>
        `PacketSize=${MAX_PACKET.toString(16)};QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+`,
      QStartNoAckMode: () => {
        this.#acknowledges = false
        return OK
      },
      'qXfer:features:read:target.xml': (text) => this.#part(text.split(':')[4] ?? ''),
      qC: () => 'QC1',
      qAttached: () => '1',
      qfThreadInfo: () => 'm1',
      qsThreadInfo: () => 'l',
      qRcmd: (text) => this.#monitor(text.slice('qRcmd,'.length)),
      // As QEMU has them, so that scripts made for it work here too.
      'qqemu.PhyMemMode': () => (machine.target.settings.space === 'physical' ? '1' : '0'),
      'Qqemu.PhyMemMode': (text) => {
        machine.target.settings.space = text.endsWith(':1') ? 'physical' : 'linear'
        return OK
      },
    }
  }

  /** Nothing more comes of it: the debugger left, or the machine ended. */
  get isOver(): boolean {
    return this.#over
  }

  /** The machine stands until the debugger lets it go on. */
  get holds(): boolean {
    return !this.#over && !this.#awaited
  }

  /** Bytes from the debugger. */
  receive(bytes: Uint8Array): void {
    for (const received of this.#reader.read(bytes)) {
      if (this.#over) return
      switch (received.kind) {
        case 'interrupt':
          if (this.#awaited) this.machine.halt()
          break
        case 'resend':
          if (this.#acknowledges) this.send(this.#last)
          break
        case 'damaged':
          if (this.#acknowledges) this.send(NOT_ACKNOWLEDGED)
          else this.#answer(ERROR.malformed)
          break
        case 'packet': {
          if (this.#acknowledges) this.send(ACKNOWLEDGED)
          const answer = this.#handle(Buffer.from(received.data).toString('latin1'))
          if (answer !== null) this.#answer(answer)
        }
      }
    }
  }

  /** The machine has stopped. */
  stopped(cause: 'interrupted' | 'target'): void {
    const { target } = this.machine
    this.#stop = cause === 'interrupted' ? 'interrupted' : target.stopReason()
    if (!this.#awaited) return
    this.#awaited = false
    this.#answer(this.#stopReply())
  }

  /** The machine has ended. */
  ended(status: number): void {
    if (this.#awaited) this.#answer(`W${(status & 0xff).toString(16).padStart(2, '0')}`)
    this.#over = true
  }

  #stop: StopReason | 'interrupted' = 'interrupted'

  #stopReply(): string {
    const stop = this.#stop
    if (stop === 'interrupted') return `T0${SIGNAL.interrupted}thread:1;`
    const trap = `T0${SIGNAL.trap}thread:1;`
    switch (stop.kind) {
      case 'step':
        return trap
      case 'breakpoint':
        return `${trap}${this.#hardware.has(stop.linear) ? 'hwbreak' : 'swbreak'}:;`
      case 'watchpoint':
        return `${trap}${WATCH_NAMES[stop.watch]}:${stop.linear.toString(16)};`
    }
  }

  #answer(text: string): void {
    this.#last = framed(Buffer.from(text, 'latin1'))
    this.send(this.#last)
  }

  /** @returns the answer, or null when it comes later or never */
  #handle(text: string): string | null {
    const rest = text.slice(1)
    switch (text[0]) {
      case '?':
        return this.#stopReply()
      case 'g':
        return this.#registers.map((_, index) => toHex(this.machine.target.readRegister(index))).join('')
      case 'G':
        return this.#writeAll(rest)
      case 'p':
        return this.#readOne(rest)
      case 'P':
        return this.#writeOne(rest)
      case 'm':
        return this.#readMemory(rest)
      case 'M':
        return this.#writeMemory(rest, fromHex(rest.slice(rest.indexOf(':') + 1)))
      case 'X':
        return this.#writeMemory(
          rest,
          Uint8Array.from(Buffer.from(rest.slice(rest.indexOf(':') + 1), 'latin1')),
        )
      case 'Z':
      case 'z':
        return this.#point(text[0] === 'Z', rest)
      case 'c':
      case 's':
        return this.#goAt(text[0] === 's', rest)
      case 'C':
      case 'S':
        // A signal would be the guest's business if it knew of signals.
        return this.#goAt(text[0] === 'S', rest.split(';')[1] ?? '')
      case 'v':
        return this.#verbose(text)
      case 'H':
      case 'T':
        return OK
      case 'D':
        return this.#detach()
      case 'k':
        this.#over = true
        this.machine.kill()
        return null
      case 'q':
      case 'Q':
        return this.#query(text)
      default:
        return UNSUPPORTED
    }
  }

  #query(text: string): string {
    const name = Object.keys(this.#queries).find(
      (name) => text === name || (text.startsWith(name) && /[:,;]/.test(text[name.length]!)),
    )
    return name === undefined ? UNSUPPORTED : this.#queries[name]!(text)
  }

  #part(range: string): string {
    const [offset, length] = range.split(',').map(number)
    if (typeof offset !== 'number' || typeof length !== 'number') return ERROR.malformed
    const most = Math.min(length, MAX_PACKET - 1)
    const part = this.#description.slice(offset, offset + most)
    return (offset + most < this.#description.length ? 'm' : 'l') + part
  }

  #monitor(hex: string): string {
    const line = fromHex(hex)
    if (!line) return ERROR.malformed
    const text = monitor(Buffer.from(line).toString('utf8'), this.machine.target, this.machine)
    return toHex(Buffer.from(text, 'utf8').subarray(0, MAX_PACKET / 2))
  }

  // Registers.

  get #registers(): RegisterDescription[] {
    return this.machine.target.features.flatMap(({ registers }) => registers)
  }

  #readOne(text: string): string {
    const index = number(text)
    if (index === null || index >= this.#registers.length) return ERROR.malformed
    return toHex(this.machine.target.readRegister(index))
  }

  #writeOne(text: string): string {
    const [name, hex] = text.split('=')
    const index = number(name)
    const value = fromHex(hex ?? '')
    if (index === null || index >= this.#registers.length || !value) return ERROR.malformed
    return this.#write(index, value) ? OK : ERROR.refused
  }

  /** Values that a register has already are left alone: some can only be read. */
  #write(index: number, value: Uint8Array): boolean {
    const { target } = this.machine
    if (index < 0) return false
    const now = target.readRegister(index)
    if (now.length !== value.length) return false
    return now.every((byte, i) => byte === value[i]) || target.writeRegister(index, value)
  }

  #writeAll(hex: string): string {
    const bytes = fromHex(hex)
    if (!bytes) return ERROR.malformed
    let at = 0
    let written = true
    for (let index = 0; index < this.#registers.length && at < bytes.length; index++) {
      const { length } = this.machine.target.readRegister(index)
      if (at + length > bytes.length) return ERROR.malformed
      written = this.#write(index, bytes.subarray(at, at + length)) && written
      at += length
    }
    return written ? OK : ERROR.refused
  }

  // Memory and points.

  #readMemory(text: string): string {
    const [address, length] = text.split(',').map(number)
    if (typeof address !== 'number' || typeof length !== 'number') return ERROR.malformed
    const { target } = this.machine
    const bytes = target.readMemory(target.settings.space, address, Math.min(length, MAX_PACKET / 2))
    return bytes.length === 0 && length > 0 ? ERROR.memory : toHex(bytes)
  }

  #writeMemory(text: string, bytes: Uint8Array | null): string {
    const [address, length] = (text.split(':')[0] ?? '').split(',').map(number)
    if (typeof address !== 'number' || !bytes || bytes.length !== length) return ERROR.malformed
    const { target } = this.machine
    return target.writeMemory(target.settings.space, address, bytes) ? OK : ERROR.memory
  }

  /** Linear addresses of breakpoints that were asked for as hardware ones, which is how their hits are told. */
  #hardware = new Set<number>()

  #point(set: boolean, text: string): string {
    const [type = '', where, kind] = text.split(';')[0]!.split(',')
    const point = POINTS[type]
    const address = number(where)
    const length = number(kind)
    if (!point) return UNSUPPORTED
    if (address === null || length === null) return ERROR.malformed
    if (point !== 'breakpoint' && (length < 1 || length > MAX_WATCHED)) return ERROR.refused
    const { target } = this.machine
    if (type === '1' && set) this.#hardware.add(address)
    else this.#hardware.delete(address)
    if (!set) target.clearPoint(point, address, length)
    else if (!target.setPoint(point, address, length)) return ERROR.refused
    return OK
  }

  // Going on.

  #goAt(single: boolean, where: string): string | null {
    if (where !== '') {
      const address = number(where)
      if (address === null) return ERROR.malformed
      const bytes = new Uint8Array(4)
      new DataView(bytes.buffer).setUint32(0, address, true)
      if (
        !this.#write(
          this.#registers.findIndex(({ name }) => name === 'eip'),
          bytes,
        )
      )
        return ERROR.refused
    }
    return this.#go(single)
  }

  #go(single: boolean): null {
    this.#awaited = true
    if (!this.machine.isRunning) {
      this.machine.target.begin(single)
      this.machine.resume()
    }
    return null
  }

  #verbose(text: string): string | null {
    if (text === 'vCont?') return 'vCont;c;C;s;S'
    if (text.startsWith('vCont;')) {
      // There is one thread, so the first action is the one for it.
      const action = text[6] ?? ''
      return 'cCsS'.includes(action) ? this.#go(action.toLowerCase() === 's') : ERROR.malformed
    }
    if (text.startsWith('vKill')) {
      this.#answer(OK)
      this.#over = true
      this.machine.kill()
      return null
    }
    return UNSUPPORTED
  }

  #detach(): null {
    this.#answer(OK)
    this.close()
    return null
  }

  /** The debugger is gone: the machine goes on without it. */
  close(): void {
    if (this.#over) return
    this.#over = true
    const { target } = this.machine
    target.clearPoints()
    target.begin(false)
    if (!this.machine.isRunning) this.machine.resume()
  }
}
