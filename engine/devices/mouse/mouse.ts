import * as v from 'valibot'
import { type Clock, NS_PER_SECOND, rearm, type Timer } from '../../base/clock.ts'
import type { Device } from '../device.ts'
import type { Ps2Device } from '../i8042/ps2-device.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import type { MouseInput } from './mouse-input.ts'
import { clamp, MAX_COUNTS, type Movement, MovementQueue, movementsSchema } from './movement-queue.ts'

const ACK = 0xfa
const RESEND = 0xfe
const BAT_PASSED = 0xaa
const BAT_NS = 5_000_000
const DEFAULT_RATE = 100
const DEFAULT_RESOLUTION = 2

/** Bytes that wait for the guest: answers, or one packet. */
const MAX_OUT = 16

/** A wheel, and two more buttons: by the rates that a driver sets before it asks for the id. */
const KNOCKS = [
  { rates: [200, 100, 80], id: 3 },
  { rates: [200, 200, 80], id: 4 },
] as const
const RATES = [10, 20, 40, 60, 80, 100, 200]

const schema = v.object({
  version: v.literal(1),
  mouseId: v.picklist([0, 3, 4]),
  reporting: v.boolean(),
  remote: v.boolean(),
  wrap: v.boolean(),
  scaling: v.boolean(),
  resolution: bits(2),
  rate: v.picklist(RATES),
  recentRates: v.pipe(v.array(bits(8)), v.maxLength(3)),
  awaiting: v.nullable(bits(8)),
  out: v.pipe(v.array(bits(8)), v.maxLength(MAX_OUT)),
  lastPacket: v.pipe(v.array(bits(8)), v.maxLength(MAX_OUT)),
  buttons: bits(5),
  pending: movementsSchema,
  nextSampleNs: timeNs,
  sampleAtNs: v.nullable(timeNs),
  batDoneAtNs: v.nullable(timeNs),
})

/**
 * PS/2 mouse with two or three buttons, which becomes an IntelliMouse (wheel) or an IntelliMouse Explorer (five
 * buttons) for drivers that knock. Packets are queued whole or not at all, and none before the guest asks.
 * @see IBM PS/2 Hardware Interface Technical Reference, "Mouse"
 */
export class Mouse implements Device, Ps2Device, MouseInput {
  readonly id = 'mouse'
  /** A plain mouse has no idea where on the screen it is. */
  readonly absolute = false
  #mouseId: 0 | 3 | 4 = 0
  #reporting = false
  #remote = false
  #wrap = false
  #scaling = false
  #resolution = DEFAULT_RESOLUTION
  #rate = DEFAULT_RATE
  #recentRates: number[] = []
  #awaiting: number | null = null
  #out: number[] = []
  #lastPacket: number[] = []
  #buttons = 0
  #pending = new MovementQueue()
  #nextSampleNs = 0
  #sampleTimer: Timer
  #batTimer: Timer
  #ready: () => void = () => {}

  constructor(private readonly clock: Clock) {
    this.#sampleTimer = clock.createTimer(() => this.#ready())
    this.#batTimer = clock.createTimer(() => this.#reply(BAT_PASSED, 0x00))
  }

  onReady(listener: () => void): void {
    this.#ready = listener
  }

  move(dx: number, dy: number, wheel: number, buttons: number): void {
    const changed = (buttons & 31) !== this.#buttons
    this.#buttons = buttons & 31
    if (!this.#mayReport() || (!changed && !dx && !dy && !wheel)) return
    this.#pending.add({
      dx: clamp(dx, MAX_COUNTS),
      dy: 0 - clamp(dy, MAX_COUNTS),
      dz: clamp(wheel, MAX_COUNTS),
      buttons: this.#buttons,
    })
    this.#ready()
  }

  /** Only wheel and buttons count: without an absolute driver there is no telling where the pointer is. */
  moveTo(_x: number, _y: number, wheel: number, buttons: number): void {
    this.move(0, 0, wheel, buttons)
  }

  /** Sends a packet without motion, for its interrupt, unless one is on its way already. */
  poke(): void {
    if (!this.#mayReport() || this.#pending.length > 0 || this.#out.length > 0) return
    this.#pending.add({ dx: 0, dy: 0, dz: 0, buttons: this.#buttons })
    this.#ready()
  }

  take(): number | null {
    if (this.#out.length === 0) this.#sample()
    return this.#out.shift() ?? null
  }

  receive(byte: number): void {
    const command = this.#awaiting
    this.#awaiting = null
    if (this.#wrap && byte !== 0xff && byte !== 0xec) this.#reply(byte)
    else if (command !== null) this.#parameter(command, byte)
    else {
      // A command cuts off what was being sent; the answer must not come behind the rest of a packet.
      if (byte !== RESEND) this.#out = []
      this.#command(byte)
    }
    this.#ready()
  }

  reset(): void {
    this.#setDefaults()
    this.#mouseId = 0
    this.#wrap = false
    this.#recentRates = []
    this.#awaiting = null
    this.#out = []
    this.#lastPacket = []
    this.#buttons = 0
    this.#nextSampleNs = 0
    this.#batTimer.cancel()
  }

  save(): v.InferOutput<typeof schema> {
    return {
      version: 1,
      mouseId: this.#mouseId,
      reporting: this.#reporting,
      remote: this.#remote,
      wrap: this.#wrap,
      scaling: this.#scaling,
      resolution: this.#resolution,
      rate: this.#rate,
      recentRates: [...this.#recentRates],
      awaiting: this.#awaiting,
      out: [...this.#out],
      lastPacket: [...this.#lastPacket],
      buttons: this.#buttons,
      pending: this.#pending.save(),
      nextSampleNs: this.#nextSampleNs,
      sampleAtNs: this.#sampleTimer.deadlineNs,
      batDoneAtNs: this.#batTimer.deadlineNs,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#mouseId = saved.mouseId
    this.#reporting = saved.reporting
    this.#remote = saved.remote
    this.#wrap = saved.wrap
    this.#scaling = saved.scaling
    this.#resolution = saved.resolution
    this.#rate = saved.rate
    this.#recentRates = saved.recentRates
    this.#awaiting = saved.awaiting
    this.#out = saved.out
    this.#lastPacket = saved.lastPacket
    this.#buttons = saved.buttons
    this.#pending.restore(saved.pending)
    this.#nextSampleNs = saved.nextSampleNs
    rearm(this.#sampleTimer, saved.sampleAtNs)
    rearm(this.#batTimer, saved.batDoneAtNs)
  }

  #command(command: number): void {
    switch (command) {
      case 0xbb: // OS/2 Warp 3 sends it and expects nothing
        return
      case 0xe1: // read secondary id: no pointing stick
        return this.#reply(ACK, 0x00, 0x00)
      case 0xe6:
      case 0xe7:
        this.#scaling = command === 0xe7
        return this.#reply(ACK)
      case 0xe8:
      case 0xf3:
        this.#awaiting = command
        return this.#reply(ACK)
      case 0xe9:
        return this.#reply(ACK, this.#status(), this.#resolution, this.#rate)
      case 0xea:
        this.#remote = false
        this.#forgetMotion()
        return this.#reply(ACK)
      case 0xeb:
        return this.#reply(ACK, ...this.#packet(this.#pending.first ?? this.#still()))
      case 0xec:
      case 0xee:
        this.#wrap = command === 0xee
        return this.#reply(ACK)
      case 0xf0:
        this.#remote = true
        this.#forgetMotion()
        return this.#reply(ACK)
      case 0xf2:
        this.#recogniseKnock()
        return this.#reply(ACK, this.#mouseId)
      case 0xf4:
      case 0xf5:
        this.#reporting = command === 0xf4
        this.#forgetMotion()
        return this.#reply(ACK)
      case 0xf6:
        this.#setDefaults()
        return this.#reply(ACK)
      case 0xfe:
        this.#out = [...this.#lastPacket]
        return
      case 0xff:
        this.reset()
        this.#batTimer.arm(this.clock.nowNs + BAT_NS)
        return this.#reply(ACK)
      default:
        return this.#reply(RESEND)
    }
  }

  #parameter(command: number, value: number): void {
    if (command === 0xe8) {
      if (value > 3) return this.#reply(RESEND)
      this.#resolution = value
    } else {
      if (!RATES.includes(value)) return this.#reply(RESEND)
      this.#rate = value
      this.#recentRates = [...this.#recentRates, value].slice(-3)
    }
    this.#reply(ACK)
  }

  // Only the question for the id decides: NT sets 200, 100, 80, 60 without knocking and expects three bytes.
  #recogniseKnock(): void {
    for (const { rates, id } of KNOCKS)
      if (rates.every((rate, index) => this.#recentRates[index] === rate)) this.#mouseId = id
    this.#recentRates = []
  }

  #status(): number {
    const buttons = (this.#buttons & 1 ? 4 : 0) | (this.#buttons & 2 ? 1 : 0) | (this.#buttons & 4 ? 2 : 0)
    return (this.#remote ? 0x40 : 0) | (this.#reporting ? 0x20 : 0) | (this.#scaling ? 0x10 : 0) | buttons
  }

  #setDefaults(): void {
    this.#reporting = this.#remote = this.#scaling = false
    this.#resolution = DEFAULT_RESOLUTION
    this.#rate = DEFAULT_RATE
    this.#forgetMotion()
  }

  #forgetMotion(): void {
    this.#pending.clear()
    this.#sampleTimer.cancel()
  }

  #mayReport(): boolean {
    return (this.#reporting || this.#remote) && !this.#wrap && this.#batTimer.deadlineNs === null
  }

  #still(): Movement {
    return { dx: 0, dy: 0, dz: 0, buttons: this.#buttons }
  }

  /** In stream mode, makes the next packet once its sampling time has come. */
  #sample(): void {
    const movement = this.#pending.first
    if (!movement || this.#remote || !this.#mayReport()) return
    if (this.clock.nowNs < this.#nextSampleNs) return this.#sampleTimer.arm(this.#nextSampleNs)
    this.#nextSampleNs = this.clock.nowNs + NS_PER_SECOND / this.#rate
    this.#lastPacket = this.#packet(movement)
    this.#out.push(...this.#lastPacket)
  }

  /** Takes as much of the movement as fits one packet; the rest stays for the next. */
  #packet(movement: Movement): number[] {
    const dx = clamp(movement.dx, 255)
    const dy = clamp(movement.dy, 255)
    const dz = this.#mouseId ? clamp(movement.dz, 7) : movement.dz
    movement.dx -= dx
    movement.dy -= dy
    movement.dz -= dz
    if (!movement.dx && !movement.dy && !movement.dz && this.#pending.first === movement)
      this.#pending.shift()
    const x = this.#scale(dx)
    const y = this.#scale(dy)
    const packet = [8 | (movement.buttons & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0), x & 0xff, y & 0xff]
    if (this.#mouseId === 3) packet.push(dz & 0xff)
    if (this.#mouseId === 4) packet.push((dz & 0x0f) | ((movement.buttons & 0x18) << 1))
    return packet
  }

  /** 2:1 scaling acts in stream mode only: small motions are slowed, large ones doubled. */
  #scale(counts: number): number {
    if (!this.#scaling || this.#remote) return counts
    const size = Math.abs(counts)
    return Math.sign(counts) * Math.min(255, [0, 1, 1, 3, 6, 9][size] ?? 2 * size)
  }

  #reply(...bytes: number[]): void {
    if (this.#out.length + bytes.length <= MAX_OUT) this.#out.push(...bytes)
    this.#ready()
  }
}
