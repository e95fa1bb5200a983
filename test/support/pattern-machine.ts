import { GuestClipboard } from '../../engine/devices/vmware-backdoor/guest-clipboard.ts'
import type { Rect } from '../../engine/devices/display.ts'
import type { Machine, MachineStats, RunOutcome } from '../../engine/machine/machine.ts'
import { EngineError } from '../../engine/base/errors.ts'
import { because, technical } from '../../engine/protocol/reasons.ts'
import type { HostFault } from '../../engine/protocol/vm.ts'
import type { StateBytes } from '../../engine/snapshot/packed-memory.ts'

const COLUMNS = 80
const ROWS = 25
const [WIDTH, HEIGHT] = [640, 400]
const STEP_NS = 16_000_000

interface PatternConfig {
  memoryMiB: number
  drives: { kind: 'floppy' | 'disk' | 'cdrom'; path: string | null; readonly: boolean }[]
}

/** Stands in for a PC where only what is around it is tested: a text screen that echoes keys, a moving square. */
export class PatternMachine implements Machine {
  readonly clipboard = new GuestClipboard(65_535)
  #lines: string[] = []
  #capPercent = 100
  #timeScale = 1
  #typed = ''
  #pixels = new Uint8Array(WIDTH * HEIGHT * 4)
  #dirty: Rect[] = []
  #square = 0
  #shift = false
  #next = performance.now() * 1e6
  #serialOut: ((bytes: Uint8Array) => void)[] = [() => {}, () => {}]
  #ended: RunOutcome | null = null
  #drives
  #keys = 0

  constructor(private readonly config: PatternConfig) {
    const counts: Record<string, number> = {}
    this.#drives = config.drives.map((drive) => ({
      id: `${drive.kind}${(counts[drive.kind] = (counts[drive.kind] ?? -1) + 1)}`,
      kind: drive.kind,
      medium: drive.path,
      readonly: drive.readonly,
      bytesRead: 0,
      bytesWritten: 0,
    }))
    this.reset()
  }

  display = {
    update: () => {
      const dirty = this.#dirty
      this.#dirty = []
      return { width: WIDTH, height: HEIGHT, pixels: this.#pixels, dirty, aspectRatio: 4 / 3 }
    },
    text: () => ({
      columns: COLUMNS,
      rows: ROWS,
      lines: Array.from({ length: ROWS }, (_, row) => (this.#lines[row] ?? '').padEnd(COLUMNS)),
      cursor: null,
    }),
  }

  keyboard = {
    key: (code: string, pressed: boolean) => {
      this.#keys++
      if (code.startsWith('Shift')) this.#shift = pressed
      if (!pressed) return
      if (code === 'F12') throw new Error('the pattern machine was told to fail')
      if (code === 'F11') this.#ended = { kind: 'crashed', reason: because('triple-fault') }
      if (code === 'Enter') {
        this.#lines[3] = `You typed: ${this.#typed}`
        this.#serialOut[0]!(new TextEncoder().encode(`line ${this.#typed}\r\n`))
        this.#typed = ''
      } else if (code.startsWith('Key')) this.#typed += this.#shift ? code[3] : code[3]!.toLowerCase()
      else if (code.startsWith('Digit')) this.#typed += code[5]
      else if (code === 'Space') this.#typed += ' '
      this.#lines[2] = `> ${this.#typed}`
      this.#drawText()
    },
  }

  mouse = { move: () => {}, moveTo: () => {}, absolute: false }

  readonly debugTarget = null

  serial = [0, 1].map((port) => ({
    onOutput: (listener: (bytes: Uint8Array) => void) => {
      this.#serialOut[port] = listener
    },
    input: (bytes: Uint8Array) => this.#serialOut[port]!(bytes),
  }))

  run(): RunOutcome {
    if (this.#ended) return this.#ended
    const now = performance.now() * 1e6
    if (now < this.#next) return { kind: 'idle', wakeNs: this.#next - now, held: false }
    this.#next = now + STEP_NS
    this.#drawSquare()
    return { kind: 'slice' }
  }

  attend(): void {}

  setWatched(): void {}

  reset(): void {
    this.#lines = ['Vitrine test pattern', `${this.config.memoryMiB} MiB of memory`, '> ', '']
    this.#typed = ''
    for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) this.#set(x, y, x >> 2, y >> 1, 64)
    this.#dirty = [{ x: 0, y: 0, width: WIDTH, height: HEIGHT }]
    this.#drawText()
  }

  setCap(percent: number): void {
    this.#capPercent = percent
  }

  setTimeScale(scale: number): void {
    this.#timeScale = scale
  }

  pressPowerButton(): void {
    this.#ended = { kind: 'powered-off' }
  }

  drives = () => this.#drives.map((drive) => ({ ...drive }))

  eject(drive: string): void {
    this.#drive(drive).medium = null
  }

  insert(drive: string, path: string): void {
    this.#drive(drive).medium = path
  }

  stats(): MachineStats {
    const guestNs = performance.now() * 1e6
    const accelerator = { name: 'interpreter' as const, reason: technical('a pattern has no instructions') }
    return {
      accelerator,
      instructions: this.#keys,
      guestNs,
      exits: { halt: 1 },
      interrupts: {},
      lines: {},
      accesses: {},
      cpu: {},
      capPercent: this.#capPercent,
      timeScale: this.#timeScale,
      behindNs: 0,
    }
  }

  save = () => new TextEncoder().encode(this.#lines.join('\n'))
  captureBytes = 0

  lookAt(): boolean {
    return false
  }
  freeze = () => ({ state: {}, ram: this.save(), vram: new Uint8Array(0), writes: [] })
  thaw(): void {}

  beginMerge(): never {
    throw new Error('this machine has no disks')
  }

  mergeStep(): null {
    return null
  }

  settleMerge(): void {}

  endMerge(): void {}

  beginFrom(state: StateBytes): void {
    const bytes = new Uint8Array(state.size)
    state.readAt(0, bytes)
    state.close()
    this.restore(bytes)
  }

  bringIn(): boolean {
    return false
  }

  restore(state: Uint8Array): void {
    this.#lines = new TextDecoder().decode(state).split('\n')
  }

  onFault(_listener: (fault: HostFault) => void): void {}

  close(): void {}

  #drive(id: string) {
    const drive = this.#drives.find((candidate) => candidate.id === id && candidate.kind !== 'disk')
    if (!drive)
      throw new EngineError('option-invalid', {
        option: id,
        reason: technical('no such drive with a removable medium'),
      })
    return drive
  }

  #set(x: number, y: number, red: number, green: number, blue: number): void {
    this.#pixels.set([red, green, blue, 255], (y * WIDTH + x) * 4)
  }

  #drawSquare(): void {
    const y = 300
    for (let dy = 0; dy < 32; dy++)
      for (let dx = 0; dx < 32; dx++)
        this.#set(this.#square + dx, y + dy, (this.#square + dx) >> 2, (y + dy) >> 1, 64)
    const from = this.#square
    this.#square = (this.#square + 4) % (WIDTH - 40)
    for (let dy = 0; dy < 32; dy++)
      for (let dx = 0; dx < 32; dx++) this.#set(this.#square + dx, y + dy, 255, 200, 80)
    const x = Math.min(from, this.#square)
    this.#dirty.push({ x, y, width: Math.max(from, this.#square) - x + 32, height: 32 })
  }

  #drawText(): void {
    for (let row = 0; row < 4; row++)
      for (let x = 0; x < WIDTH; x++) {
        const code = (this.#lines[row] ?? '').charCodeAt(x >> 3) || 32
        for (let y = 0; y < 16; y++) {
          const lit =
            code !== 32 &&
            y > 2 &&
            y < 13 &&
            (x & 7) < 7 &&
            ((code * 2654435761) >>> ((y * 7 + (x & 7)) % 29)) & 1
          this.#set(x, row * 16 + y, lit ? 230 : 20, lit ? 230 : 24, lit ? 230 : 60)
        }
      }
    this.#dirty.push({ x: 0, y: 0, width: WIDTH, height: 64 })
  }
}
