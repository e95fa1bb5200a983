import * as v from 'valibot'
import { type Clock, rearm, type Timer } from '../../base/clock.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import type { Device } from '../device.ts'
import type { MouseInput } from '../mouse/mouse-input.ts'
import { clamp, MAX_COUNTS, type Movement, MovementQueue, movementsSchema } from '../mouse/movement-queue.ts'

/** A start bit, seven of data and a stop bit at 1200 baud. */
const CHARACTER_NS = 7_500_000
/** From its power to its first character. Drivers wait for 100 ms and more. */
const POWER_ON_NS = 14_000_000
/** "M", a mouse of Microsoft's protocol; "3", one with a third button, as Logitech has it. Drivers of two buttons read no further than the M. */
const IDENTITY = [0x4d, 0x33]

/** Bits of the first character of a packet; no other character has the first of them. */
const SYNC = 0x40
const LEFT = 0x20
const RIGHT = 0x10
/** The only bit of a fourth character. */
const MIDDLE = 0x20
const MIDDLE_BUTTON = 4
const MAX_PACKET = 4

const schema = v.object({
  version: v.literal(1),
  powered: v.boolean(),
  buttons: bits(3),
  /** As the guest was last told. */
  toldButtons: bits(3),
  pending: movementsSchema,
  out: v.pipe(v.array(bits(7)), v.maxLength(MAX_PACKET)),
  nextAtNs: v.nullable(timeNs),
})

/** The serial port that a mouse is plugged into, as far as it matters to it. */
export interface MousePort {
  /** A character that comes whether the guest waits for it or not. */
  receive(character: number): void
}

/**
 * Serial mouse of Microsoft's protocol with Logitech's middle button: 1200 baud, seven bits, packets of three characters,
 * and a fourth while the middle button is down. It lives on what DTR and RTS carry: when both are up again it starts
 * anew and says what it is.
 * @see Microsoft Mouse Programmer's Reference, appendix "Mouse hardware"; mouse(4) of XFree86
 */
export class SerialMouse implements Device, MouseInput {
  readonly id: string
  readonly absolute = false
  #powered = false
  #buttons = 0
  #toldButtons = 0
  #pending = new MovementQueue()
  #out: number[] = []
  #characterTimer: Timer

  /** @param id unique in a machine */
  constructor(
    id: string,
    private readonly clock: Clock,
    private readonly port: MousePort,
  ) {
    this.id = id
    this.#characterTimer = clock.createTimer(() => this.#send())
  }

  /** The guest has changed its modem control lines. */
  setModemControl({ dtr, rts }: { dtr: boolean; rts: boolean }): void {
    const powered = dtr && rts
    if (powered === this.#powered) return
    this.#forget()
    this.#powered = powered
    if (!powered) return
    this.#out = [...IDENTITY]
    this.#characterTimer.arm(this.clock.nowNs + POWER_ON_NS)
  }

  move(dx: number, dy: number, _wheel: number, buttons: number): void {
    const changed = (buttons & 7) !== this.#buttons
    this.#buttons = buttons & 7
    const movement = { dx: clamp(dx, MAX_COUNTS), dy: clamp(dy, MAX_COUNTS), dz: 0, buttons: this.#buttons }
    if (changed || movement.dx || movement.dy) this.#add(movement)
  }

  /** Only buttons count: there is no telling where the pointer is. */
  moveTo(_x: number, _y: number, wheel: number, buttons: number): void {
    this.move(0, 0, wheel, buttons)
  }

  /** Sends a packet without motion, for its interrupt, unless one is on its way already. */
  poke(): void {
    if (this.#out.length === 0) this.#add({ dx: 0, dy: 0, dz: 0, buttons: this.#buttons })
  }

  reset(): void {
    this.#forget()
    this.#powered = false
    this.#buttons = 0
  }

  save(): v.InferOutput<typeof schema> {
    return {
      version: 1,
      powered: this.#powered,
      buttons: this.#buttons,
      toldButtons: this.#toldButtons,
      pending: this.#pending.save(),
      out: [...this.#out],
      nextAtNs: this.#characterTimer.deadlineNs,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#powered = saved.powered
    this.#buttons = saved.buttons
    this.#toldButtons = saved.toldButtons
    this.#pending.restore(saved.pending)
    this.#out = saved.out
    rearm(this.#characterTimer, saved.nextAtNs)
  }

  #forget(): void {
    this.#pending.clear()
    this.#out = []
    this.#toldButtons = 0
    this.#characterTimer.cancel()
  }

  #add(movement: Movement): void {
    if (!this.#powered) return
    this.#pending.add(movement)
    if (this.#characterTimer.deadlineNs === null) this.#begin()
  }

  /** Puts the next packet on the line, whose first character takes its time like the others. */
  #begin(): void {
    const movement = this.#pending.first
    if (!movement) return
    this.#out = this.#packet(movement)
    this.#characterTimer.arm(this.clock.nowNs + CHARACTER_NS)
  }

  #send(): void {
    const character = this.#out.shift()
    if (this.#out.length > 0) this.#characterTimer.arm(this.clock.nowNs + CHARACTER_NS)
    if (character !== undefined) this.port.receive(character)
    if (this.#out.length === 0) this.#begin()
  }

  /** Takes as much of the movement as fits one packet; the rest stays for the next. */
  #packet(movement: Movement): number[] {
    const dx = clamp(movement.dx, 127)
    const dy = clamp(movement.dy, 127)
    const { buttons } = movement
    movement.dx -= dx
    movement.dy -= dy
    if (!movement.dx && !movement.dy) this.#pending.shift()
    const middle = (buttons | this.#toldButtons) & MIDDLE_BUTTON
    this.#toldButtons = buttons & 7
    return [
      SYNC | (buttons & 1 ? LEFT : 0) | (buttons & 2 ? RIGHT : 0) | ((dy >> 4) & 0x0c) | ((dx >> 6) & 0x03),
      dx & 0x3f,
      dy & 0x3f,
      ...(middle ? [buttons & MIDDLE_BUTTON ? MIDDLE : 0] : []),
    ]
  }
}
