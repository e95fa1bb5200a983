import * as v from 'valibot'
import type { Device } from '../device.ts'
import type { MouseInput } from '../mouse/mouse-input.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import type { GuestClipboard } from './guest-clipboard.ts'

/** A 32-bit IN from here with the magic number in EAX is a call; any other access reads as all ones. */
export const BACKDOOR_PORT = 0x5658

/** General registers of the processor that executes the IN, unsigned. The access itself sets EAX to what is here after the call. */
export interface BackdoorRegisters {
  eax: number
  ebx: number
  ecx: number
  edx: number
  esi: number
  edi: number
}

/** What the pointer needs of a mouse, in general the PS/2 mouse: relative motion when no driver is there, an interrupt when one is. */
export interface BackdoorMouse extends MouseInput {
  poke(): void
}

const MAGIC = 0x564d5868
/** Commands, in the low half of ECX. */
const GETSELLENGTH = 6
const GETNEXTPIECE = 7
const SETSELLENGTH = 8
const SETNEXTPIECE = 9
const GETVERSION = 10
const ABSPOINTER_DATA = 39
const ABSPOINTER_STATUS = 40
const ABSPOINTER_COMMAND = 41
const ABSPOINTER_RESTRICT = 86

/** Parameters of ABSPOINTER_COMMAND, in EBX. */
const READ_ID = 0x45414552
const DISABLE = 0x000000f5
const REQUEST_RELATIVE = 0x4c455252
const REQUEST_ABSOLUTE = 0x53424152

const VERSION = 6
const PRODUCT = 2
const POINTER_ID = 0x3442554a
const STATUS_READY = 0
const STATUS_OFF = 0xffff

const PACKET_WORDS = 4
const MAX_WORDS = 1024
const MAX_DATA_WORDS = 6
const PACKET_RELATIVE = 0x00010000
const PACKET_LEFT = 0x20
const PACKET_RIGHT = 0x10
const PACKET_MIDDLE = 0x08

const schema = v.object({
  version: v.literal(1),
  ready: v.boolean(),
  absolute: v.boolean(),
  queue: v.pipe(v.array(bits(32)), v.maxLength(MAX_WORDS)),
})

/**
 * VMware's back-door port with its absolute pointer ("vmmouse"), for which drivers exist for DOS, Windows 3.x to
 * NT and Linux. A driver asks for absolute positions through the port and is woken by the PS/2 mouse's interrupt,
 * whose packet it discards. As the machine's mouse input it sends relative motion to the PS/2 mouse while no
 * driver is ready. By the same port guests exchange the text of clipboards.
 * @see open-vm-tools, backdoor_def.h; VMware's xf86-input-vmmouse driver
 */
export class VmwareBackdoor implements Device, MouseInput {
  readonly id = 'vmware-backdoor'
  #ready = false
  #absolute = false
  #queue: number[] = []

  /** @param mouse null where none is plugged in */
  constructor(
    private readonly mouse: BackdoorMouse | null,
    private readonly clipboard: GuestClipboard,
  ) {}

  get absolute(): boolean {
    return this.#ready && this.#absolute
  }

  move(dx: number, dy: number, wheel: number, buttons: number): void {
    if (!this.#ready) return this.mouse?.move(dx, dy, wheel, buttons)
    this.#push(PACKET_RELATIVE | packetButtons(buttons), whole(dx), -whole(dy), clicks(wheel))
  }

  moveTo(x: number, y: number, wheel: number, buttons: number): void {
    if (!this.absolute) return this.mouse?.moveTo(x, y, wheel, buttons)
    this.#push(packetButtons(buttons), position(x), position(y), clicks(wheel))
  }

  /** Executes a call: the processor's handler of a 32-bit IN at the port. */
  call(registers: BackdoorRegisters): void {
    if (registers.eax >>> 0 !== MAGIC) {
      registers.eax = 0xffffffff
      return
    }
    switch (registers.ecx & 0xffff) {
      case GETSELLENGTH:
        registers.eax = this.clipboard.lengthToTake()
        return
      case GETNEXTPIECE:
        registers.eax = this.clipboard.nextPiece()
        return
      case SETSELLENGTH:
        registers.eax = this.clipboard.beginGiving(registers.ebx >>> 0)
        return
      case SETNEXTPIECE:
        this.clipboard.takePiece(registers.ebx >>> 0)
        registers.eax = 0
        return
      case GETVERSION:
        registers.eax = VERSION
        registers.ebx = MAGIC
        registers.ecx = PRODUCT
        return
      case ABSPOINTER_DATA:
        return this.#data(registers)
      case ABSPOINTER_STATUS:
        registers.eax = ((this.#ready ? STATUS_READY : STATUS_OFF) * 65536 + this.#queue.length) >>> 0
        return
      case ABSPOINTER_COMMAND:
        return this.#command(registers.ebx >>> 0)
      case ABSPOINTER_RESTRICT: // which privilege levels may ask: all may
        return
      default:
        registers.eax = 0xffffffff
    }
  }

  reset(): void {
    this.clipboard.reset()
    this.#off()
  }

  save(): v.InferOutput<typeof schema> {
    return { version: 1, ready: this.#ready, absolute: this.#absolute, queue: [...this.#queue] }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.clipboard.reset()
    this.#ready = saved.ready
    this.#absolute = saved.absolute
    this.#queue = saved.queue
  }

  #command(parameter: number): void {
    switch (parameter) {
      case READ_ID:
        this.#queue = [POINTER_ID]
        this.#ready = true
        return
      case DISABLE:
        return this.#off()
      case REQUEST_RELATIVE:
      case REQUEST_ABSOLUTE:
        this.#absolute = parameter === REQUEST_ABSOLUTE
    }
  }

  /** Hands out the number of words that EBX asks for, one per register. Asking wrongly ends the session. */
  #data(registers: BackdoorRegisters): void {
    const count = registers.ebx >>> 0
    if (count === 0 || count > MAX_DATA_WORDS || count > this.#queue.length) return this.#off()
    const names = ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi'] as const
    this.#queue.splice(0, count).forEach((word, index) => (registers[names[index]!] = word))
  }

  #off(): void {
    this.#ready = this.#absolute = false
    this.#queue = []
  }

  #push(flags: number, x: number, y: number, wheel: number): void {
    const queue = this.#queue
    // Motion behind a packet that the driver may be reading is added up; only changes of buttons need their own.
    if (queue.length >= 2 * PACKET_WORDS && queue.at(-PACKET_WORDS) === flags) {
      const [, oldX = 0, oldY = 0, oldWheel = 0] = queue.splice(-PACKET_WORDS)
      wheel = clicks(wheel + (oldWheel | 0))
      if (flags & PACKET_RELATIVE) {
        x += oldX | 0
        y += oldY | 0
      }
    }
    if (queue.length + PACKET_WORDS <= MAX_WORDS) queue.push(flags, x >>> 0, y >>> 0, wheel >>> 0)
    this.mouse?.poke()
  }
}

const packetButtons = (buttons: number): number =>
  (buttons & 1 ? PACKET_LEFT : 0) | (buttons & 2 ? PACKET_RIGHT : 0) | (buttons & 4 ? PACKET_MIDDLE : 0)
const whole = (value: number): number => Math.trunc(Math.max(-32768, Math.min(32767, value || 0)))
/** Drivers look at eight bits of the wheel. */
const clicks = (value: number): number => Math.trunc(Math.max(-127, Math.min(127, value || 0)))
const position = (value: number): number => Math.trunc(Math.max(0, Math.min(0xffff, value || 0)))
