import * as v from 'valibot'
import { type Clock, rearm, type Timer } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import type { Ps2Device } from './ps2-device.ts'
import { Set2Translator } from './translation.ts'

/** Between one byte's being read and the next one's arrival: what eleven bits take on the wire. */
const BYTE_GAP_NS = 1_000_000
/** From a byte sent to a device until its answer may arrive. */
const ANSWER_NS = 500_000
/** From OBF to the interrupt. */
const IRQ_DELAY_NS = 20_000

const STATUS_OBF = 1 << 0
const STATUS_SYS = 1 << 2
const STATUS_COMMAND = 1 << 3
const STATUS_UNLOCKED = 1 << 4
const STATUS_AUX = 1 << 5
const STATUS_TIMEOUT = 1 << 6

/** Command byte, which is byte 0 of the controller's RAM. */
const KBD_INT = 1 << 0
const AUX_INT = 1 << 1
const SYS = 1 << 2
const KBD_DISABLE = 1 << 4
const AUX_DISABLE = 1 << 5
const XLATE = 1 << 6

const OUTPUT_RESET = 1 << 0
const OUTPUT_A20 = 1 << 1
/** Clock and data lines of both interfaces float high. */
const OUTPUT_IDLE_LINES = 0xcc
/** Keyboard not locked, colour display, no manufacturing jumper. */
const INPUT_PORT = 0xb0
const RESEND = 0xfe

/** Who filled the output buffer. */
const SOURCES = ['controller', 'keyboard', 'mouse', 'no-mouse'] as const
type Source = (typeof SOURCES)[number]
interface Byte {
  value: number
  source: Source
}

const byteSchema = v.nullable(v.object({ value: bits(8), source: v.picklist(SOURCES) }))
const schema = v.object({
  version: v.literal(1),
  RAM: v.pipe(v.array(bits(8)), v.length(32)),
  output: v.object({ value: bits(8), source: v.picklist(SOURCES) }),
  OBF: v.boolean(),
  reply: byteSchema,
  a20: v.boolean(),
  lastWriteWasCommand: v.boolean(),
  awaiting: v.nullable(bits(8)),
  breakPrefix: v.boolean(),
  irqDue: v.boolean(),
  nextByteNs: timeNs,
  loadAtNs: v.nullable(timeNs),
  irqAtNs: v.nullable(timeNs),
})

export interface I8042Wiring {
  clock: Clock
  irq1: Line
  irq12: Line
  /** High lets address bit 20 through. Port 92h drives the same gate. */
  a20: Line
  /** The processor alone is reset, memory stays. Acts after the access. */
  resetCpu(): void
  keyboard: Ps2Device
  mouse: Ps2Device | null
}

/**
 * Intel 8042 as keyboard and auxiliary device controller of a PS/2: data port 60h, command and status port 64h.
 * @see IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"
 */
export class I8042 implements Device {
  readonly id = 'i8042'
  readonly dataPort: BusDevice = {
    read: () => this.#readData(),
    write: (_offset, value) => this.#writeData(value),
  }
  readonly commandPort: BusDevice = {
    read: () => this.#status(),
    write: (_offset, value) => this.#command(value),
  }
  #ram = new Uint8Array(32)
  #output: Byte = { value: 0, source: 'controller' }
  #obf = false
  /** The controller's own answer while the output buffer still holds a device's byte. */
  #reply: Byte | null = null
  #a20 = true
  #lastWriteWasCommand = false
  /** The command whose parameter comes next at port 60h. */
  #awaiting: number | null = null
  #translator = new Set2Translator()
  #irqDue = false
  #nextByteNs = 0
  #loadTimer: Timer
  #irqTimer: Timer

  constructor(private readonly wiring: I8042Wiring) {
    const { clock, keyboard, mouse } = wiring
    this.#loadTimer = clock.createTimer(() => this.#load())
    this.#irqTimer = clock.createTimer(() => {
      this.#irqDue = true
      this.#updateIrqs()
    })
    keyboard.onReady(() => this.#load())
    mouse?.onReady(() => this.#load())
  }

  reset(): void {
    this.#ram.fill(0)
    this.#output = { value: 0, source: 'controller' }
    this.#obf = this.#irqDue = this.#lastWriteWasCommand = this.#translator.breakPrefix = false
    this.#reply = null
    this.#awaiting = null
    this.#nextByteNs = 0
    this.#loadTimer.cancel()
    this.#irqTimer.cancel()
    this.#setA20(true)
    this.#updateIrqs()
  }

  save(): v.InferOutput<typeof schema> {
    return {
      version: 1,
      RAM: [...this.#ram],
      output: { ...this.#output },
      OBF: this.#obf,
      reply: this.#reply && { ...this.#reply },
      a20: this.#a20,
      lastWriteWasCommand: this.#lastWriteWasCommand,
      awaiting: this.#awaiting,
      breakPrefix: this.#translator.breakPrefix,
      irqDue: this.#irqDue,
      nextByteNs: this.#nextByteNs,
      loadAtNs: this.#loadTimer.deadlineNs,
      irqAtNs: this.#irqTimer.deadlineNs,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#ram.set(saved.RAM)
    this.#output = saved.output
    this.#obf = saved.OBF
    this.#reply = saved.reply
    this.#lastWriteWasCommand = saved.lastWriteWasCommand
    this.#awaiting = saved.awaiting
    this.#translator.breakPrefix = saved.breakPrefix
    this.#irqDue = saved.irqDue
    this.#nextByteNs = saved.nextByteNs
    rearm(this.#loadTimer, saved.loadAtNs)
    rearm(this.#irqTimer, saved.irqAtNs)
    this.#setA20(saved.a20)
    this.#updateIrqs()
  }

  #status(): number {
    const { source } = this.#output
    let status = STATUS_UNLOCKED | (this.#ram[0]! & SYS ? STATUS_SYS : 0)
    if (this.#lastWriteWasCommand) status |= STATUS_COMMAND
    if (this.#obf) status |= STATUS_OBF
    if (this.#obf && (source === 'mouse' || source === 'no-mouse')) status |= STATUS_AUX
    if (this.#obf && source === 'no-mouse') status |= STATUS_TIMEOUT
    return status
  }

  // The byte stays readable: the Borland run-time reads it twice, so the next one must not come at once.
  #readData(): number {
    const { value, source } = this.#output
    if (!this.#obf) return value
    this.#obf = false
    this.#irqDue = false
    this.#irqTimer.cancel()
    this.#updateIrqs()
    if (source !== 'controller') this.#nextByteNs = this.wiring.clock.nowNs + BYTE_GAP_NS
    this.#load()
    return value
  }

  /** Fills the empty output buffer: the controller's own answers first, then the keyboard, then the mouse. */
  #load(): void {
    if (this.#obf) return
    if (this.#reply) {
      const reply = this.#reply
      this.#reply = null
      return this.#fill(reply)
    }
    const { nowNs } = this.wiring.clock
    if (nowNs < this.#nextByteNs) return this.#loadTimer.arm(this.#nextByteNs)
    this.#loadTimer.cancel()
    const key = this.#ram[0]! & KBD_DISABLE ? null : this.#takeKeyboard()
    if (key !== null) return this.#fill({ value: key, source: 'keyboard' })
    const moved = this.#ram[0]! & AUX_DISABLE ? null : (this.wiring.mouse?.take() ?? null)
    if (moved !== null) this.#fill({ value: moved, source: 'mouse' })
  }

  #takeKeyboard(): number | null {
    for (;;) {
      const byte = this.wiring.keyboard.take()
      if (byte === null || !(this.#ram[0]! & XLATE)) return byte
      const translated = this.#translator.translate(byte)
      if (translated !== null) return translated
    }
  }

  #fill(byte: Byte): void {
    this.#output = byte
    this.#obf = true
    this.#irqDue = false
    this.#updateIrqs()
    this.#irqTimer.arm(this.wiring.clock.nowNs + IRQ_DELAY_NS)
  }

  /** An answer of the controller itself: waits for a device's byte to be read, replaces an unread answer. */
  #answer(value: number, source: Source = 'controller'): void {
    const byte = { value, source }
    if (this.#obf && this.#output.source !== 'controller') this.#reply = byte
    else this.#fill(byte)
  }

  #updateIrqs(): void {
    const { source } = this.#output
    const aux = source === 'mouse' || source === 'no-mouse'
    const due = this.#obf && this.#irqDue
    this.wiring.irq1.set(due && !aux && (this.#ram[0]! & KBD_INT) !== 0)
    this.wiring.irq12.set(due && aux && (this.#ram[0]! & AUX_INT) !== 0)
  }

  #setCommandByte(value: number): void {
    this.#ram[0] = value
    if (!(value & XLATE)) this.#translator.breakPrefix = false
    this.#updateIrqs()
    this.#load()
  }

  #command(command: number): void {
    this.#lastWriteWasCommand = true
    this.#awaiting = null
    if (command >= 0x20 && command <= 0x3f) return this.#answer(this.#ram[command & 0x1f]!)
    if (command >= 0x60 && command <= 0x7f) {
      this.#awaiting = command
      return
    }
    if (command >= 0xf0) {
      // Pulses output lines low; only the processor's reset notices.
      if (!(command & OUTPUT_RESET)) this.wiring.resetCpu()
      return
    }
    switch (command) {
      case 0xa4: // test password: none installed
        return this.#answer(0xf1)
      case 0xa5: // load password
      case 0xd1: // write output port
      case 0xd2: // write keyboard output buffer
      case 0xd3: // write auxiliary device output buffer
      case 0xd4: // write to auxiliary device
        this.#awaiting = command
        return
      case 0xa7:
        return this.#setCommandByte(this.#ram[0]! | AUX_DISABLE)
      case 0xa8:
        return this.#setCommandByte(this.#ram[0]! & ~AUX_DISABLE)
      case 0xa9: // auxiliary interface test
      case 0xab: // keyboard interface test
        return this.#answer(0x00)
      case 0xaa: // self-test
        this.#ram[0]! |= SYS
        return this.#answer(0x55)
      case 0xad:
        return this.#setCommandByte(this.#ram[0]! | KBD_DISABLE)
      case 0xae:
        return this.#setCommandByte(this.#ram[0]! & ~KBD_DISABLE)
      case 0xc0:
        return this.#answer(INPUT_PORT)
      case 0xd0:
        return this.#answer(this.#outputPort())
      case 0xdd:
      case 0xdf:
        return this.#setA20(command === 0xdf)
      case 0xe0: // test inputs: both clocks low
        return this.#answer(0x00)
    }
  }

  #writeData(value: number): void {
    this.#lastWriteWasCommand = false
    const command = this.#awaiting
    this.#awaiting = null
    if (command === null) return this.#toKeyboard(value)
    if (command === 0x60) return this.#setCommandByte(value)
    if (command <= 0x7f) {
      this.#ram[command & 0x1f] = value
      return
    }
    switch (command) {
      case 0xa5: // the password ends with a zero
        if (value !== 0) this.#awaiting = command
        return
      case 0xd1:
        this.#setA20((value & OUTPUT_A20) !== 0)
        if (!(value & OUTPUT_RESET)) this.wiring.resetCpu()
        return
      case 0xd2:
        return this.#answer(value)
      case 0xd3:
        return this.#answer(value, 'mouse')
      case 0xd4:
        return this.#toMouse(value)
    }
  }

  // Writing to a device opens its interface, or its answer could not come back.
  #toKeyboard(byte: number): void {
    this.#ram[0]! &= ~KBD_DISABLE
    this.#holdDevices()
    this.wiring.keyboard.receive(byte)
  }

  #toMouse(byte: number): void {
    const { mouse } = this.wiring
    this.#ram[0]! &= ~AUX_DISABLE
    if (!mouse) return this.#answer(RESEND, 'no-mouse')
    this.#holdDevices()
    mouse.receive(byte)
  }

  #holdDevices(): void {
    this.#nextByteNs = Math.max(this.#nextByteNs, this.wiring.clock.nowNs + ANSWER_NS)
  }

  #outputPort(): number {
    const { source } = this.#output
    const aux = source === 'mouse' || source === 'no-mouse'
    const full = !this.#obf ? 0 : aux ? 0x20 : 0x10
    return OUTPUT_IDLE_LINES | OUTPUT_RESET | (this.#a20 ? OUTPUT_A20 : 0) | full
  }

  #setA20(open: boolean): void {
    this.#a20 = open
    this.wiring.a20.set(open)
  }
}
