import * as v from 'valibot'
import type { Clock, Timer } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import { Counter, counterSaved } from './counter.ts'
import type { Speaker, SpeakerSignal } from './speaker.ts'
import { nsOfTick, PIT_HZ, ticksAt } from './ticks.ts'

const COUNTER_LATCH = 0
const LOW = 1
const READ_BACK = 3
const STATUS = { OUT: 0x80, NULL_COUNT: 0x40 } as const

/**
 * OUT0 changes are not delivered closer together than this (about 20 µs): a guest that asks for an interrupt
 * every other tick could not serve them, but could keep the host busy.
 */
const MIN_TICKS = 24

const channelSaved = v.object({
  counter: counterSaved,
  /** The byte of a two-byte access that comes next is the high one. */
  readsHigh: v.boolean(),
  writesHigh: v.boolean(),
  lowByte: bits(8),
  /** A latched count that has not been read yet. */
  latch: v.nullable(bits(16)),
  latchReadsHigh: v.boolean(),
  status: v.nullable(bits(8)),
})
const saved = v.object({
  version: v.literal(1),
  channels: v.tuple([channelSaved, channelSaved, channelSaved]),
  out0: v.boolean(),
  /** The change of OUT0 that is scheduled. */
  edge: v.nullable(v.object({ ns: timeNs, rises: v.boolean() })),
})

type ChannelState = Omit<v.InferOutput<typeof channelSaved>, 'counter'>

const ready = (): ChannelState => ({
  readsHigh: false,
  writesHigh: false,
  lowByte: 0,
  latch: null,
  latchReadsHigh: false,
  status: null,
})

interface Channel {
  readonly counter: Counter
  io: ChannelState
}

/**
 * Intel 8254 programmable interval timer at ports 40h-43h. Channel 0 drives IRQ 0, channel 2 the speaker;
 * channel 1, once memory refresh, only counts. Counts are computed from guest time when read; the next
 * change of OUT0 is all that is ever scheduled.
 * @see Intel 8254 datasheet 231164
 */
export class Pit implements Device, BusDevice {
  readonly id = 'pit'
  readonly #channels: readonly [Channel, Channel, Channel]
  readonly #timer: Timer
  #out0 = false
  /** The change of OUT0 that the timer waits for. */
  #expectsRise = false

  /** @param out0 IRQ 0 */
  constructor(
    private readonly clock: Clock,
    private readonly out0: Line,
    private readonly speaker: Speaker,
  ) {
    const channel = (gate: boolean): Channel => ({ counter: new Counter(gate), io: ready() })
    this.#channels = [channel(true), channel(true), channel(false)]
    this.#timer = clock.createTimer(() => this.#edge())
  }

  /** Gate of channel 2, port 61h bit 0. */
  readonly gate2: Line = { set: (high) => this.#setGate2(high) }

  /** OUT2 as port 61h shows it. @param nowNs guest time now */
  out2At(nowNs: number): boolean {
    return this.#channels[2].counter.out(ticksAt(nowNs))
  }

  read(offset: number, _size: AccessSize): number {
    const channel = this.#channels[offset & 3]
    return channel ? this.#readChannel(channel) : 0xff
  }

  write(offset: number, value: number, _size: AccessSize): void {
    const channel = this.#channels[offset & 3]
    if (channel) this.#writeCount(channel, value & 0xff)
    else this.#writeControl(value & 0xff)
  }

  reset(): void {
    for (const channel of this.#channels) {
      channel.counter.reset()
      channel.io = ready()
    }
    this.#timer.cancel()
    this.#out0 = false
    this.out0.set(false)
    this.#driveSpeaker()
  }

  save(): v.InferOutput<typeof saved> {
    const [a, b, c] = this.#channels
    const now = this.#tick
    const save = ({ counter, io }: Channel) => ({ counter: counter.save(now), ...io })
    const { deadlineNs } = this.#timer
    return {
      version: 1,
      channels: [save(a), save(b), save(c)],
      out0: this.#out0,
      edge: deadlineNs === null ? null : { ns: deadlineNs, rises: this.#expectsRise },
    }
  }

  restore(state: unknown): void {
    const { channels, out0, edge } = parseSaved(this.id, saved, state)
    for (const [index, { counter, ...io }] of channels.entries()) {
      this.#channels[index]?.counter.restore(counter)
      Object.assign(this.#channels[index]!.io, io)
    }
    this.#out0 = out0
    this.out0.set(out0)
    this.#expectsRise = edge?.rises ?? false
    if (edge) this.#timer.arm(edge.ns)
    else this.#timer.cancel()
    this.#driveSpeaker()
  }

  get #tick(): number {
    return ticksAt(this.clock.nowNs)
  }

  #readChannel({ counter, io }: Channel): number {
    if (io.status !== null) {
      const { status } = io
      io.status = null
      return status
    }
    const access = counter.control >> 4
    if (io.latch !== null) {
      const high = access === 3 ? io.latchReadsHigh : access !== LOW
      const byte = high ? io.latch >> 8 : io.latch & 0xff
      io.latchReadsHigh = access === 3 && !high
      if (!io.latchReadsHigh) io.latch = null
      return byte
    }
    const count = counter.count(this.#tick)
    const high = access === 3 ? io.readsHigh : access !== LOW
    if (access === 3) io.readsHigh = !high
    return high ? count >> 8 : count & 0xff
  }

  #writeCount(channel: Channel, value: number): void {
    const { counter, io } = channel
    const access = counter.control >> 4
    const now = this.#tick
    this.#catchUp(channel)
    if (access === 3 && !io.writesHigh) {
      io.writesHigh = true
      io.lowByte = value
      counter.startCountWrite(now)
    } else {
      io.writesHigh = false
      counter.writeCount(access === LOW ? value : (value << 8) | (access === 3 ? io.lowByte : 0), now)
    }
    this.#changed(channel)
  }

  #writeControl(value: number): void {
    const select = value >> 6
    if (select === READ_BACK) return this.#readBack(value)
    const channel = this.#channels[select]!
    const access = (value >> 4) & 3
    if (access === COUNTER_LATCH) return this.#latch(channel)
    this.#catchUp(channel)
    channel.io = ready()
    channel.counter.setControl(value & 0x3f, this.#tick)
    this.#changed(channel)
  }

  /** Bits 1-3 select channels; bits 5 and 4 are low to latch count and status. */
  #readBack(value: number): void {
    for (const [index, channel] of this.#channels.entries()) {
      if (!(value & (2 << index))) continue
      if (!(value & 0x20)) this.#latch(channel)
      if (!(value & 0x10)) channel.io.status ??= this.#status(channel)
    }
  }

  /** A second latch before the first is read has no effect. */
  #latch({ counter, io }: Channel): void {
    if (io.latch !== null) return
    io.latch = counter.count(this.#tick)
    io.latchReadsHigh = false
  }

  #status({ counter }: Channel): number {
    const now = this.#tick
    return (
      (counter.out(now) ? STATUS.OUT : 0) | (counter.nullCount(now) ? STATUS.NULL_COUNT : 0) | counter.control
    )
  }

  #setGate2(high: boolean): void {
    const { counter } = this.#channels[2]
    if (high === counter.gate) return
    counter.setGate(high, this.#tick)
    this.#driveSpeaker()
  }

  #changed(channel: Channel): void {
    if (channel === this.#channels[0]) {
      this.#setOut0(channel.counter.out(this.#tick))
      this.#schedule()
    } else if (channel === this.#channels[2]) this.#driveSpeaker()
  }

  /** An edge that fell due before this write must not get lost with the old programming. */
  #catchUp(channel: Channel): void {
    const { deadlineNs } = this.#timer
    if (channel !== this.#channels[0] || deadlineNs === null || deadlineNs > this.clock.nowNs) return
    this.#timer.cancel()
    this.#edge()
  }

  #setOut0(high: boolean): void {
    if (high === this.#out0) return
    this.#out0 = high
    this.out0.set(high)
  }

  /** The expected change of OUT0, perhaps late: of several rises missed, one is delivered. */
  #edge(): void {
    const high = this.#expectsRise || this.#channels[0].counter.out(this.#tick)
    this.#setOut0(false)
    this.#setOut0(high)
    this.#schedule()
  }

  #schedule(): void {
    const { counter } = this.#channels[0]
    const now = this.#tick
    const output = counter.output(now)
    if (output.kind === 'level') return this.#timer.cancel()
    if (output.kind === 'step') {
      this.#expectsRise = !output.high
      return this.#timer.arm(nsOfTick(Math.max(now + 1, output.atTick)))
    }
    const { startTick, highTicks, lowTicks } = output
    const period = highTicks + lowTicks
    const cycle = startTick + Math.floor(Math.max(0, now - startTick) / period) * period
    const fall = cycle + highTicks
    // A short low phase, such as mode 2's, is delivered together with the rise that ends it.
    const merged = lowTicks < MIN_TICKS && !counter.changing
    this.#expectsRise = merged || now >= fall
    const edge = this.#expectsRise ? cycle + period : fall
    this.#timer.arm(nsOfTick(period < MIN_TICKS ? Math.max(edge, now + MIN_TICKS) : edge))
  }

  #driveSpeaker(): void {
    this.speaker.drive(this.#out2Signal(), this.clock.nowNs)
  }

  #out2Signal(): SpeakerSignal {
    const output = this.#channels[2].counter.output(this.#tick)
    if (output.kind === 'level') return output
    if (output.kind === 'step')
      return { kind: 'step', high: output.high, changesAtNs: nsOfTick(output.atTick) }
    const { startTick, highTicks, lowTicks } = output
    return {
      kind: 'square',
      frequencyHz: PIT_HZ / (highTicks + lowTicks),
      startNs: nsOfTick(startTick),
      highNs: (highTicks * 1e9) / PIT_HZ,
      lowNs: (lowTicks * 1e9) / PIT_HZ,
    }
  }
}
