import * as v from 'valibot'
import { type Clock, rearm, type Timer } from '../../base/clock.ts'
import type { Device } from '../device.ts'
import type { Ps2Device } from '../i8042/ps2-device.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import type { KeyboardInput } from './keyboard-input.ts'
import { keySequence, type Modifiers } from './key-sequences.ts'
import { DEFAULT_KEY_TYPES, KEY_BREAKS, KEY_REPEATS, SCAN_CODES } from './scan-codes.ts'

const ACK = 0xfa
const RESEND = 0xfe
const BAT_PASSED = 0xaa
const BAT_NS = 5_000_000
/** 500 ms, then 10.9 characters per second. */
const DEFAULT_TYPEMATIC = 0x2b

/** Key presses that fit; what comes then is answered by the overrun code and lost. */
const BUFFER_BYTES = 64
/** Room beyond that for releases, so that no key stays down in the guest. */
const BUFFER_BYTES_WITH_RELEASES = 512
/** A held key adds no repeats while this many bytes wait for a slow guest. */
const REPEAT_BACKLOG = 8
const MAX_REPLIES = 16

/** Commands from here on; lower bytes are parameters. */
const FIRST_COMMAND = 0xed

const keyCode = v.pipe(
  v.string(),
  v.check((code) => SCAN_CODES.has(code), 'no such key'),
)
const byteList = (length: number) => v.pipe(v.array(bits(8)), v.maxLength(length))
const schema = v.object({
  version: v.literal(1),
  scanning: v.boolean(),
  set: v.picklist([1, 2, 3]),
  leds: bits(3),
  typematic: bits(7),
  keyTypes: v.pipe(v.instance(Uint8Array), v.length(256)),
  awaiting: v.nullable(bits(8)),
  replies: byteList(MAX_REPLIES),
  buffer: byteList(BUFFER_BYTES_WITH_RELEASES),
  lastSent: bits(8),
  held: v.pipe(v.array(v.object({ code: keyCode, told: v.boolean() })), v.maxLength(SCAN_CODES.size)),
  repeating: v.nullable(keyCode),
  repeatAtNs: v.nullable(timeNs),
  batDoneAtNs: v.nullable(timeNs),
})

export interface Leds {
  scrollLock: boolean
  numLock: boolean
  capsLock: boolean
}

/**
 * The 101/102-key PS/2 keyboard with scan code sets 1, 2 and 3.
 * @see IBM PS/2 Hardware Interface Technical Reference, "101/102-Key Keyboard"
 */
export class Keyboard implements Device, Ps2Device, KeyboardInput {
  readonly id = 'keyboard'
  #scanning = true
  #set: 1 | 2 | 3 = 2
  #leds = 0
  #typematic = DEFAULT_TYPEMATIC
  #keyTypes = Uint8Array.from(DEFAULT_KEY_TYPES)
  /** The command whose parameter comes next. */
  #awaiting: number | null = null
  /** Answers go before keys. */
  #replies: number[] = []
  #buffer: number[] = []
  #lastSent = 0
  /** Keys that are down, and whether the guest was told. */
  #held = new Map<string, boolean>()
  #repeating: string | null = null
  #repeatTimer: Timer
  #batTimer: Timer
  #ready: () => void = () => {}
  #ledListener: (leds: Leds) => void = () => {}

  constructor(private readonly clock: Clock) {
    this.#repeatTimer = clock.createTimer(() => this.#repeat())
    this.#batTimer = clock.createTimer(() => this.#reply(BAT_PASSED))
  }

  onReady(listener: () => void): void {
    this.#ready = listener
  }

  /** Replaces the listener for the lights, told at each change by the guest. */
  onLeds(listener: (leds: Leds) => void): void {
    this.#ledListener = listener
  }

  get leds(): Leds {
    return {
      scrollLock: (this.#leds & 1) !== 0,
      numLock: (this.#leds & 2) !== 0,
      capsLock: (this.#leds & 4) !== 0,
    }
  }

  /** Bytes of keys that the guest has not taken yet: who types by program waits for few. */
  get backlog(): number {
    return this.#buffer.length
  }

  /** A key goes down or up. A key that is down already, as by the host's own repetition, is ignored. */
  key(code: string, pressed: boolean): void {
    const scanCode = SCAN_CODES.get(code)
    if (!scanCode || this.#held.has(code) === pressed) return
    const told = this.#held.get(code) ?? false
    if (!pressed) {
      this.#held.delete(code)
      if (this.#repeating === code) this.#stopRepeating()
      if (told) this.#enqueue(code, false)
      return
    }
    const scanning = this.#scanning && this.#batTimer.deadlineNs === null
    this.#held.set(code, scanning && this.#enqueue(code, true))
    if (scanning) this.#startRepeating(code)
  }

  /** Lets every key go, e.g. when the window loses the keyboard. */
  releaseAll(): void {
    for (const code of this.#held.keys()) this.key(code, false)
  }

  take(): number | null {
    const byte = this.#replies.shift() ?? this.#buffer.shift() ?? null
    if (byte !== null && byte !== RESEND) this.#lastSent = byte
    return byte
  }

  receive(byte: number): void {
    const command = this.#awaiting
    if (command !== null && byte < FIRST_COMMAND) this.#parameter(command, byte)
    else {
      this.#awaiting = null
      this.#command(byte)
    }
    this.#ready()
  }

  reset(): void {
    this.#scanning = true
    this.#setDefaults()
    this.#awaiting = null
    this.#replies = []
    this.#lastSent = 0
    this.#held.clear()
    this.#batTimer.cancel()
    this.#setLeds(0)
  }

  save(): v.InferOutput<typeof schema> {
    return {
      version: 1,
      scanning: this.#scanning,
      set: this.#set,
      leds: this.#leds,
      typematic: this.#typematic,
      keyTypes: this.#keyTypes.slice(),
      awaiting: this.#awaiting,
      replies: [...this.#replies],
      buffer: [...this.#buffer],
      lastSent: this.#lastSent,
      held: [...this.#held].map(([code, told]) => ({ code, told })),
      repeating: this.#repeating,
      repeatAtNs: this.#repeatTimer.deadlineNs,
      batDoneAtNs: this.#batTimer.deadlineNs,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#scanning = saved.scanning
    this.#set = saved.set
    this.#typematic = saved.typematic
    this.#keyTypes.set(saved.keyTypes)
    this.#awaiting = saved.awaiting
    this.#replies = saved.replies
    this.#buffer = saved.buffer
    this.#lastSent = saved.lastSent
    this.#held = new Map(saved.held.map(({ code, told }) => [code, told]))
    this.#repeating = saved.repeating
    rearm(this.#repeatTimer, saved.repeating === null ? null : saved.repeatAtNs)
    rearm(this.#batTimer, saved.batDoneAtNs)
    this.#setLeds(saved.leds)
  }

  #reply(...bytes: number[]): void {
    if (this.#replies.length + bytes.length <= MAX_REPLIES) this.#replies.push(...bytes)
    this.#ready()
  }

  #command(command: number): void {
    switch (command) {
      case 0xee:
        return this.#reply(0xee)
      case 0xf2:
        return this.#reply(ACK, 0xab, 0x83)
      case 0xfe:
        return this.#reply(this.#lastSent)
      case 0xff:
        // The test's result follows the acknowledgement after a while: NT 3.x loses its keyboard otherwise.
        this.reset()
        this.#batTimer.arm(this.clock.nowNs + BAT_NS)
        return this.#reply(ACK)
      case 0xf0:
        this.#clearBuffer()
        this.#awaiting = command
        return this.#reply(ACK)
      case 0xed:
      case 0xf3:
      case 0xfb:
      case 0xfc:
      case 0xfd:
        this.#awaiting = command
        return this.#reply(ACK)
      case 0xf4:
      case 0xf5:
      case 0xf6:
        if (command === 0xf4) this.#clearBuffer()
        else this.#setDefaults()
        if (command !== 0xf6) this.#scanning = command === 0xf4
        return this.#reply(ACK)
      case 0xf7:
      case 0xf8:
      case 0xf9:
      case 0xfa:
        this.#keyTypes.fill([KEY_REPEATS, KEY_BREAKS, 0, KEY_REPEATS | KEY_BREAKS][command - 0xf7]!)
        return this.#reply(ACK)
      default:
        return this.#reply(RESEND)
    }
  }

  #parameter(command: number, value: number): void {
    // FBh to FDh take one key after the other until the next command.
    if (command < 0xfb) this.#awaiting = null
    switch (command) {
      case 0xed:
        this.#setLeds(value & 7)
        return this.#reply(ACK)
      case 0xf0:
        if (value > 3) return this.#reply(RESEND)
        if (value === 0) return this.#reply(ACK, this.#set)
        this.#set = value as 1 | 2 | 3
        return this.#reply(ACK)
      case 0xf3:
        this.#typematic = value & 0x7f
        return this.#reply(ACK)
      default:
        this.#keyTypes[value] = [KEY_REPEATS, KEY_BREAKS, 0][command - 0xfb] ?? 0
        return this.#reply(ACK)
    }
  }

  #setLeds(leds: number): void {
    if (leds === this.#leds) return
    this.#leds = leds
    this.#ledListener(this.leds)
  }

  #setDefaults(): void {
    this.#set = 2
    this.#typematic = DEFAULT_TYPEMATIC
    this.#keyTypes.set(DEFAULT_KEY_TYPES)
    this.#clearBuffer()
  }

  #clearBuffer(): void {
    this.#buffer = []
    this.#stopRepeating()
  }

  /** @returns whether the guest gets to know of it */
  #enqueue(code: string, pressed: boolean): boolean {
    const sequence = keySequence(
      this.#set,
      code,
      SCAN_CODES.get(code)!,
      pressed,
      this.#modifiers(),
      this.#keyTypes,
    )
    const limit = pressed ? BUFFER_BYTES : BUFFER_BYTES_WITH_RELEASES
    if (this.#buffer.length + sequence.length > limit) {
      const overrun = this.#set === 1 ? 0xff : 0x00
      if (pressed && this.#buffer.length <= limit && this.#buffer.at(-1) !== overrun)
        this.#buffer.push(overrun)
      return false
    }
    this.#buffer.push(...sequence)
    this.#ready()
    return true
  }

  #modifiers(): Modifiers {
    const held = (code: string) => this.#held.has(code)
    return {
      shiftLeft: held('ShiftLeft'),
      shiftRight: held('ShiftRight'),
      control: held('ControlLeft') || held('ControlRight'),
      alt: held('AltLeft') || held('AltRight'),
      numLock: (this.#leds & 2) !== 0,
    }
  }

  #startRepeating(code: string): void {
    this.#stopRepeating()
    const repeats = this.#set !== 3 || (this.#keyTypes[SCAN_CODES.get(code)!.set3]! & KEY_REPEATS) !== 0
    if (!repeats || (code === 'Pause' && this.#set !== 3)) return
    this.#repeating = code
    this.#repeatTimer.arm(this.clock.nowNs + (((this.#typematic >> 5) & 3) + 1) * 250_000_000)
  }

  #stopRepeating(): void {
    this.#repeating = null
    this.#repeatTimer.cancel()
  }

  #repeat(): void {
    if (this.#repeating === null || !this.#scanning) return this.#stopRepeating()
    if (this.#buffer.length < REPEAT_BACKLOG) this.#enqueue(this.#repeating, true)
    // (8 + A) * 2^B / 240 seconds, as the technical reference gives the period.
    const period = ((8 + (this.#typematic & 7)) * 2 ** ((this.#typematic >> 3) & 3)) / 240
    this.#repeatTimer.arm(this.clock.nowNs + Math.round(period * 1e9))
  }
}
