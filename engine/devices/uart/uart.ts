import { ByteBatch } from '../../base/byte-batch.ts'
import { type Clock, rearm, type Timer } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { parseSaved } from '../../base/saved-state.ts'
import { ByteQueue } from './byte-queue.ts'
import * as R from './registers.ts'
import type { SerialEnd } from './serial-end.ts'
import { INPUT_BYTES, type UartState, uartState } from './uart-state.ts'

const DIVISOR_9600 = 12

export interface UartConfig {
  /** Unique in a machine, e.g. uart0. */
  id: string
  /**
   * Whether sending takes the time it takes on a line. By default a character is gone as soon as it is written:
   * nothing waits for slow lines that do not exist. Receiving is always paced, or guests without flow control
   * would lose what is pasted.
   */
  paced?: boolean
}

/**
 * National PC16550D serial port at its eight registers, as wired in a PC: OUT2 gates the interrupt.
 * @see National Semiconductor PC16550D datasheet, section 8
 */
export class Uart implements Device, BusDevice, SerialEnd {
  readonly id: string
  #paced: boolean
  #ier = 0
  #fcr = 0
  #lcr = 0
  #mcr = 0
  #scr = 0
  #divisor = DIVISOR_9600
  #errors = 0
  #modemInputs = R.MSR_CTS | R.MSR_DSR | R.MSR_DCD
  #modemStatus = R.MSR_CTS | R.MSR_DSR | R.MSR_DCD
  #received: number[] = []
  #transmit: number[] = []
  /** The character in the transmitter shift register. */
  #shifting: number | null = null
  #thrEmptyPending = false
  #timeoutPending = false
  /** The guest has raised RTS once: from then on a low RTS holds input back. Polling boot code never raises it. */
  #handshake = false
  #input = new ByteQueue(INPUT_BYTES)
  #lastInputNs = 0
  #inputTimer: Timer
  #timeoutTimer: Timer
  #shiftTimer: Timer
  #output: ByteBatch
  #modemListener: (lines: { dtr: boolean; rts: boolean }) => void = () => {}

  constructor(
    config: UartConfig,
    private readonly clock: Clock,
    private readonly irq: Line,
  ) {
    this.id = config.id
    this.#paced = config.paced ?? false
    this.#output = new ByteBatch(clock)
    this.#inputTimer = clock.createTimer(() => this.#takeInput())
    this.#timeoutTimer = clock.createTimer(() => this.#timeOut())
    this.#shiftTimer = clock.createTimer(() => this.#shifted())
  }

  onOutput(listener: (bytes: Uint8Array) => void): void {
    this.#output.onOutput(listener)
  }

  /** Told when the guest changes DTR or RTS: how a serial mouse gets its power. */
  onModemControl(listener: (lines: { dtr: boolean; rts: boolean }) => void): void {
    this.#modemListener = listener
  }

  input(bytes: Uint8Array): void {
    this.#input.push(bytes)
    this.#scheduleInput()
  }

  /** A character from a device that knows no flow control: what the guest has not read in time is lost. */
  receive(character: number): void {
    if (this.#mcr & R.MCR_LOOP) return
    this.#receive(character)
    this.#update()
  }

  /** The far end holds the line low for longer than a character. */
  inputBreak(): void {
    this.#receive(0 | (R.LSR_BI << 8))
    this.#update()
  }

  /** Sets the modem inputs; a null modem with a ready peer, which is the default, has all but RI. */
  setModemInputs(lines: { cts: boolean; dsr: boolean; ri: boolean; dcd: boolean }): void {
    this.#modemInputs =
      (lines.cts ? R.MSR_CTS : 0) |
      (lines.dsr ? R.MSR_DSR : 0) |
      (lines.ri ? R.MSR_RI : 0) |
      (lines.dcd ? R.MSR_DCD : 0)
    this.#updateModem()
    this.#update()
  }

  /** Delivers waiting output now. */
  flush(): void {
    this.#output.flush()
  }

  reset(): void {
    this.#output.flush()
    this.#ier = this.#fcr = this.#lcr = this.#mcr = this.#scr = this.#errors = 0
    this.#divisor = DIVISOR_9600
    this.#modemStatus = this.#modemInputs
    this.#received = []
    this.#transmit = []
    this.#shifting = null
    this.#thrEmptyPending = this.#timeoutPending = this.#handshake = false
    this.#input.clear()
    this.#lastInputNs = 0
    for (const timer of [this.#inputTimer, this.#timeoutTimer, this.#shiftTimer]) timer.cancel()
    this.#update()
  }

  save(): UartState {
    this.#output.flush()
    return {
      version: 1,
      IER: this.#ier,
      FCR: this.#fcr,
      LCR: this.#lcr,
      MCR: this.#mcr,
      SCR: this.#scr,
      divisor: this.#divisor,
      errors: this.#errors,
      modemInputs: this.#modemInputs,
      modemStatus: this.#modemStatus,
      received: [...this.#received],
      transmit: [...this.#transmit],
      shifting: this.#shifting,
      thrEmptyPending: this.#thrEmptyPending,
      timeoutPending: this.#timeoutPending,
      handshake: this.#handshake,
      input: this.#input.toBytes(),
      lastInputNs: this.#lastInputNs,
      inputAtNs: this.#inputTimer.deadlineNs,
      timeoutAtNs: this.#timeoutTimer.deadlineNs,
      shiftedAtNs: this.#shiftTimer.deadlineNs,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, uartState, state)
    this.#output.flush()
    this.#ier = saved.IER
    this.#fcr = saved.FCR & R.FCR_KEPT
    this.#lcr = saved.LCR
    this.#mcr = saved.MCR
    this.#scr = saved.SCR
    this.#divisor = saved.divisor
    this.#errors = saved.errors & R.LSR_ERRORS
    this.#modemInputs = saved.modemInputs & 0xf0
    this.#modemStatus = saved.modemStatus
    this.#received = saved.received.slice(0, this.#capacity)
    this.#transmit = saved.transmit.slice(0, this.#capacity)
    this.#shifting = saved.shifting
    this.#thrEmptyPending = saved.thrEmptyPending
    this.#timeoutPending = saved.timeoutPending
    this.#handshake = saved.handshake
    this.#input.clear()
    this.#input.push(saved.input)
    this.#lastInputNs = saved.lastInputNs
    rearm(this.#inputTimer, saved.inputAtNs)
    rearm(this.#timeoutTimer, saved.timeoutAtNs)
    rearm(this.#shiftTimer, saved.shifting === null ? null : (saved.shiftedAtNs ?? this.clock.nowNs))
    this.#update()
  }

  read(offset: number): number {
    switch (offset) {
      case R.RBR:
        return this.#lcr & R.LCR_DLAB ? this.#divisor & 0xff : this.#readRbr()
      case R.IER:
        return this.#lcr & R.LCR_DLAB ? this.#divisor >> 8 : this.#ier
      case R.IIR:
        return this.#readIir()
      case R.LCR:
        return this.#lcr
      case R.MCR:
        return this.#mcr
      case R.LSR:
        return this.#readLsr()
      case R.MSR:
        return this.#readMsr()
      default:
        return this.#scr
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case R.RBR:
        if (this.#lcr & R.LCR_DLAB) this.#divisor = (this.#divisor & 0xff00) | value
        else this.#writeThr(value)
        return
      case R.IER:
        if (this.#lcr & R.LCR_DLAB) this.#divisor = (this.#divisor & 0xff) | (value << 8)
        else this.#writeIer(value & 0x0f)
        return
      case R.IIR:
        return this.#writeFcr(value)
      case R.LCR:
        return this.#writeLcr(value)
      case R.MCR:
        return this.#writeMcr(value & 0x1f)
      case R.SCR:
        this.#scr = value
    }
    // LSR and MSR are read-only: writing them is for factory testing.
  }

  get #fifos(): boolean {
    return (this.#fcr & R.FCR_ENABLE) !== 0
  }

  get #capacity(): number {
    return this.#fifos ? R.FIFO_LENGTH : 1
  }

  get #characterNs(): number {
    return R.characterNs(this.#divisor, this.#lcr)
  }

  #readRbr(): number {
    const character = this.#received.shift() ?? 0
    this.#errors |= (this.#received[0] ?? 0) >> 8
    this.#timeoutPending = false
    this.#watchTimeout()
    this.#scheduleInput()
    this.#update()
    return character & 0xff
  }

  #readIir(): number {
    const source = this.#source()
    if (source === R.IIR_THRE) {
      this.#thrEmptyPending = false
      this.#update()
    }
    return source | (this.#fifos ? R.IIR_FIFOS : 0)
  }

  #readLsr(): number {
    let lsr = this.#errors
    if (this.#received.length > 0) lsr |= R.LSR_DR
    if (this.#transmit.length === 0) lsr |= R.LSR_THRE
    if (this.#transmit.length === 0 && this.#shifting === null) lsr |= R.LSR_TEMT
    if (this.#fifos && this.#received.some((character) => character > 0xff)) lsr |= R.LSR_FIFO_ERROR
    if (this.#errors) {
      this.#errors = 0
      if (this.#received.length > 0) this.#received[0]! &= 0xff
      this.#update()
    }
    return lsr
  }

  #readMsr(): number {
    const msr = this.#modemStatus
    this.#modemStatus &= 0xf0
    this.#update()
    return msr
  }

  #writeIer(value: number): void {
    // Enabling the interrupt while the register is empty raises it: how drivers start sending.
    if (value & ~this.#ier & R.IER_ETBEI && this.#transmit.length === 0) this.#thrEmptyPending = true
    this.#ier = value
    this.#update()
  }

  #writeFcr(value: number): void {
    if (((value ^ this.#fcr) & R.FCR_ENABLE) !== 0) value |= R.FCR_CLEAR_RX | R.FCR_CLEAR_TX
    this.#fcr = value & R.FCR_ENABLE ? value & R.FCR_KEPT : 0
    if (value & R.FCR_CLEAR_RX) {
      this.#received = []
      this.#timeoutPending = false
    }
    if (value & R.FCR_CLEAR_TX && this.#transmit.length > 0) {
      this.#transmit = []
      this.#thrEmptyPending = true
    }
    this.#watchTimeout()
    this.#scheduleInput()
    this.#update()
  }

  #writeLcr(value: number): void {
    const breakStarts = value & ~this.#lcr & R.LCR_BREAK
    this.#lcr = value
    if (breakStarts && this.#mcr & R.MCR_LOOP) {
      this.#receive(R.LSR_BI << 8)
      this.#update()
    }
  }

  #writeMcr(value: number): void {
    const changed = value ^ this.#mcr
    this.#mcr = value
    if (value & R.MCR_RTS) this.#handshake = true
    if (changed & (R.MCR_DTR | R.MCR_RTS) && !(value & R.MCR_LOOP))
      this.#modemListener({ dtr: (value & R.MCR_DTR) !== 0, rts: (value & R.MCR_RTS) !== 0 })
    this.#updateModem()
    this.#scheduleInput()
    this.#update()
  }

  #writeThr(value: number): void {
    this.#thrEmptyPending = false
    this.#update()
    if (!this.#paced) {
      this.#send(value)
      this.#thrEmptyPending = true
    } else if (this.#shifting === null) {
      this.#shifting = value
      this.#thrEmptyPending = true
      this.#shiftTimer.arm(this.clock.nowNs + this.#characterNs)
    } else if (this.#transmit.length < this.#capacity) this.#transmit.push(value)
    else this.#transmit[this.#transmit.length - 1] = value
    this.#update()
  }

  #shifted(): void {
    if (this.#shifting !== null) this.#send(this.#shifting)
    this.#shifting = this.#transmit.shift() ?? null
    if (this.#shifting !== null) {
      this.#shiftTimer.arm(this.clock.nowNs + this.#characterNs)
      if (this.#transmit.length === 0) this.#thrEmptyPending = true
    }
    this.#update()
  }

  #send(character: number): void {
    const dataMask = 0xff >> (3 - (this.#lcr & 3))
    if (this.#mcr & R.MCR_LOOP) this.#receive(character & dataMask)
    else this.#output.push(character & dataMask)
  }

  #receive(character: number): void {
    if (this.#received.length >= this.#capacity) {
      this.#errors |= R.LSR_OE
      // Without FIFO the newer character wins; a full FIFO keeps what it has.
      if (!this.#fifos) this.#received = [character]
    } else this.#received.push(character)
    if (this.#received.length === 1) this.#errors |= this.#received[0]! >> 8
    this.#watchTimeout()
  }

  #takeInput(): void {
    if (this.#inputMayEnter()) {
      this.#lastInputNs = this.clock.nowNs
      this.#receive(this.#input.shift())
      this.#update()
    }
    this.#scheduleInput()
  }

  #inputMayEnter(): boolean {
    return (
      this.#input.length > 0 &&
      this.#received.length < this.#capacity &&
      !(this.#mcr & R.MCR_LOOP) &&
      (!this.#handshake || (this.#mcr & R.MCR_RTS) !== 0)
    )
  }

  #scheduleInput(): void {
    if (this.#inputTimer.deadlineNs !== null || !this.#inputMayEnter()) return
    this.#inputTimer.arm(Math.max(this.clock.nowNs, this.#lastInputNs + this.#characterNs))
  }

  // Four character times without a character coming or going, and some waiting below the trigger level.
  #watchTimeout(): void {
    if (this.#fifos && this.#received.length > 0)
      this.#timeoutTimer.arm(this.clock.nowNs + 4 * this.#characterNs)
    else this.#timeoutTimer.cancel()
  }

  #timeOut(): void {
    this.#timeoutPending = this.#fifos && this.#received.length > 0
    this.#update()
  }

  #updateModem(): void {
    const { MCR_RTS, MCR_DTR, MCR_OUT1, MCR_OUT2 } = R
    const mcr = this.#mcr
    const inputs = !(mcr & R.MCR_LOOP)
      ? this.#modemInputs
      : (mcr & MCR_RTS ? R.MSR_CTS : 0) |
        (mcr & MCR_DTR ? R.MSR_DSR : 0) |
        (mcr & MCR_OUT1 ? R.MSR_RI : 0) |
        (mcr & MCR_OUT2 ? R.MSR_DCD : 0)
    const changed = inputs ^ this.#modemStatus
    let deltas = this.#modemStatus & 0x0f
    if (changed & R.MSR_CTS) deltas |= R.MSR_DCTS
    if (changed & R.MSR_DSR) deltas |= R.MSR_DDSR
    if (changed & R.MSR_RI && !(inputs & R.MSR_RI)) deltas |= R.MSR_TERI
    if (changed & R.MSR_DCD) deltas |= R.MSR_DDCD
    this.#modemStatus = inputs | deltas
  }

  /** The interrupt of highest priority, as IIR bits 0 to 3 (datasheet, table IV). */
  #source(): number {
    const ier = this.#ier
    if (ier & R.IER_ELSI && this.#errors) return R.IIR_LINE_STATUS
    if (ier & R.IER_ERBFI) {
      const trigger = this.#fifos ? R.TRIGGER_LEVELS[(this.#fcr >> 6) as 0 | 1 | 2 | 3] : 1
      if (this.#received.length >= trigger) return R.IIR_RDA
      if (this.#timeoutPending) return R.IIR_TIMEOUT
    }
    if (ier & R.IER_ETBEI && this.#thrEmptyPending) return R.IIR_THRE
    if (ier & R.IER_EDSSI && this.#modemStatus & 0x0f) return R.IIR_MODEM
    return R.IIR_NONE
  }

  // OUT2 counts even in loopback, where the chip's own pin would not: drivers test their interrupt that way.
  #update(): void {
    this.irq.set((this.#mcr & R.MCR_OUT2) !== 0 && this.#source() !== R.IIR_NONE)
  }
}
