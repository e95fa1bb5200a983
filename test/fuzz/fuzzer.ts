import type { AccessSize } from '../../engine/bus/bus-device.ts'
import { decodeState, encodeState } from '../../engine/snapshot/encoding.ts'
import { breaches } from './checked-index.ts'
import { FuzzBoard, type Mark } from './fuzz-board.ts'
import { target } from './guest-moves.ts'
import { partSeed, Random } from './random.ts'
import type { Range, Subject } from './subjects.ts'

/** Cases from one known state to the next: how far back one has to go to repeat a failure. */
export const BLOCK_CASES = 5000
const MIN_STEPS = 16
const MAX_STEP_MS = 100
const ATTEMPTS = 5
/** Cases from one look at what costs more than the case to the next. */
const STATE_EVERY = 100
const FUTURE_EVERY = 2500
/** Long runs look so many times more rarely: the cases in between are what they are for. */
export const LONG_RUN_RARELY = 10

const VALUES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const SIZES: readonly AccessSize[] = [1, 2, 4]

/** Runs cases against one device: power-on, then at least sixteen accesses and other happenings in random order. */
export class Fuzzer {
  readonly board = new FuzzBoard()
  readonly #start: Mark
  readonly #random = new Random(0)
  readonly #ranges: readonly (Range & { isMemory: boolean })[]
  readonly #devices
  readonly #values: ReadonlyMap<number, readonly number[]>
  /** Hash of all that was read: what two runs of the same seed have in common. */
  #trace = 0

  /** @param rarely how many times more rarely than in tests states are looked at */
  constructor(
    readonly subject: Subject,
    private readonly seed: number,
    private readonly rarely = 1,
  ) {
    const { ports, memory = [], values = {} } = subject
    this.#values = new Map(Object.entries(values).map(([address, own]) => [Number(address), own]))
    this.#ranges = [
      ...ports.map((range) => ({ ...range, isMemory: false })),
      ...memory.map((range) => ({ ...range, isMemory: true })),
    ]
    this.#devices = this.board.devices.filter(({ id }) => subject.devices.includes(id))
    this.#start = this.board.mark()
  }

  /**
   * Runs the cases of one block and gives the hash of what was read, or null when a case had to be run again for
   * its time. Throws with what to repeat it by.
   */
  runBlock(block: number, cases = BLOCK_CASES): number | null {
    this.board.rewind(this.#start)
    this.#trace = 0
    let isWhole = true
    let startedMs = performance.now()
    for (let index = 0; index < cases; index++) {
      try {
        this.#runCase(block, index)
        this.#check(block * BLOCK_CASES + index)
      } catch (error) {
        throw this.#failure(block, index, error)
      }
      const endedMs = performance.now()
      if (endedMs - startedMs > MAX_STEP_MS) {
        this.#measureAgain(block, index)
        isWhole = false
      }
      startedMs = endedMs
    }
    return isWhole ? this.#trace : null
  }

  /** Some accesses to the device as it is, without a reset. */
  useFor(seed: number): void {
    this.#random.reseed(seed)
    for (let step = 0; step < MIN_STEPS; step++) this.#step(this.#random)
  }

  #failure(block: number, index: number, cause: unknown): Error {
    const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    const { name } = this.subject
    return new Error(
      `${name}, block ${block}, case ${index}: ${reason}\nrepeat with FUZZ_SEED=${this.seed} ` +
        `FUZZ_DEVICES=${name} FUZZ_BLOCK=${block} FUZZ_RARELY=${this.rarely} npm run test:fuzz`,
      { cause },
    )
  }

  /** @param leastMs what each step took at least up to now, of those that a guest can make: measured when given */
  #runCase(block: number, index: number, leastMs?: number[]): void {
    const random = this.#random
    random.reseed(partSeed(this.seed, this.subject.name, block * BLOCK_CASES + index))
    this.board.memory.restless = null
    for (const device of this.#devices) device.reset()
    if (random.oneIn(2)) this.board.memory.restless = random
    const { moves } = this.subject
    if (moves && random.oneIn(2)) random.pick(moves)(this.board, random)
    const steps = MIN_STEPS + random.below(8)
    for (let step = 0; step < steps; step++) {
      const startedMs = leastMs ? performance.now() : 0
      const isGuests = this.#step(random)
      if (leastMs)
        leastMs[step] = isGuests ? Math.min(leastMs[step] ?? Infinity, performance.now() - startedMs) : 0
    }
  }

  /** @returns whether it was something that a guest can do: only that must not take long */
  #step(random: Random): boolean {
    const { board, subject } = this
    const kind = random.below(32)
    if (kind < 25) this.#access(random)
    else if (kind < 28) board.clock.advance(this.#delay(random))
    else if (kind === 28) {
      const bytes = new Uint8Array(16)
      random.fill(bytes)
      board.memory.dmaWrite(target(random), bytes)
    } else {
      const happenings = kind === 29 ? subject.moves : subject.events
      if (happenings) random.pick(happenings)(board, random)
      return false
    }
    return true
  }

  /** Mostly within a command, sometimes as long as a guest that waits. */
  #delay(random: Random): number {
    return random.oneIn(64) ? random.below(30_000_000) : random.below(1 << random.below(18))
  }

  #access(random: Random): void {
    if (this.#ranges.length === 0) return
    const range = random.pick(this.#ranges)
    const size = random.oneIn(2) ? 1 : random.pick(SIZES)
    const address = this.#address(random, range, size)
    const isRead = random.oneIn(3)
    const times = random.oneIn(32) ? 1 + random.below(64) : 1
    for (let time = 0; time < times; time++)
      if (isRead) this.#note(this.#read(range.isMemory, address, size))
      else this.#write(range.isMemory, address, this.#value(random, address, size), size)
    if (!range.isMemory && random.oneIn(32)) this.#moveBlock(random, address)
  }

  #address(
    random: Random,
    { base, length, isMemory }: Range & { isMemory: boolean },
    size: AccessSize,
  ): number {
    const offset = random.below(length)
    if (!isMemory) return base + offset
    // Registers lie 16 apart in most devices that have them in memory; an access stays within its page.
    const aligned = random.oneIn(4) ? offset & ~(size - 1) : offset & ~15
    return base + aligned
  }

  #value(random: Random, address: number, size: AccessSize): number {
    const own = this.#values.get(address)
    const value =
      own && !random.oneIn(3) ? random.pick(own) : random.oneIn(2) ? random.pick(VALUES) : random.bits()
    return size === 4 ? value >>> 0 : size === 2 ? value & 0xffff : value & 0xff
  }

  #read(isMemory: boolean, address: number, size: AccessSize): number {
    return isMemory ? this.board.memory.read(address, size) : this.board.ports.read(address, size)
  }

  #write(isMemory: boolean, address: number, value: number, size: AccessSize): void {
    if (isMemory) this.board.memory.write(address, value, size)
    else this.board.ports.write(address, value, size)
  }

  /** String I/O in one piece, where a device has it. */
  #moveBlock(random: Random, port: number): void {
    const bulk = this.board.ports.bulk(port)
    if (!bulk) return
    const bytes = new Uint8Array(4 * random.below(1024))
    const moved = random.oneIn(2) ? bulk.readBlock(bytes) : bulk.writeBlock(bytes)
    if (moved > bytes.length || moved % 4 !== 0) throw new Error(`a block of ${bytes.length} moved ${moved}`)
    this.#note(moved)
  }

  #note(value: number): void {
    if (!(value >= 0 && value <= 0xffffffff && Math.trunc(value) === value))
      throw new Error(`a read gave ${value}`)
    this.#trace = (Math.imul(this.#trace ^ value, 0x9e3779b1) + 1) | 0
  }

  #check(caseNumber: number): void {
    if (breaches.length > 0) throw new Error(`out of bounds: ${breaches.splice(0).join('\n')}`)
    if (caseNumber % (STATE_EVERY * this.rarely) === 0) this.#checkStates()
    if ((caseNumber + 1) % (FUTURE_EVERY * this.rarely) === 0) this.#checkFuture()
  }

  /** What a device saves it must take back, and save again. */
  #checkStates(): void {
    for (const device of this.#devices) {
      const saved = encodeState(device.save())
      device.restore(decodeState(saved))
      const again = encodeState(device.save())
      if (again !== saved)
        throw new Error(`${device.id} takes back another state than it saved: ${difference(saved, again)}`)
    }
  }

  /** From a saved state a machine goes on as it would have gone on without having been saved. */
  #checkFuture(): void {
    const { board } = this
    // A call of the firmware under way is no state: a machine lets it end before it saves.
    board.firmware.reset()
    const mark = board.mark()
    const seed = this.#random.bits()
    const uninterrupted = this.#continue(seed)
    board.rewind(mark)
    const restored = this.#continue(seed)
    if (uninterrupted !== restored)
      throw new Error(`a restored machine goes on otherwise: ${difference(uninterrupted, restored)}`)
  }

  /** Goes on without a reset, and tells all that was read and what has become of the devices. */
  #continue(seed: number): string {
    const before = this.#trace
    this.#random.reseed(seed)
    this.#trace = 0
    for (let step = 0; step < 2 * MIN_STEPS; step++) this.#step(this.#random)
    const trace = this.#trace
    this.#trace = before
    return `${trace} ${this.board.saveAll()}`
  }

  /** A host that was busy elsewhere is no fault of the device: only a step that takes long every time counts. */
  #measureAgain(block: number, index: number): void {
    const leastMs: number[] = []
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) this.#runCase(block, index, leastMs)
    const slowestMs = Math.max(...leastMs)
    if (slowestMs > MAX_STEP_MS)
      throw this.#failure(block, index, new Error(`one step takes ${Math.round(slowestMs)} ms`))
  }
}

/** Where two texts part. */
function difference(a: string, b: string): string {
  let at = 0
  while (a[at] === b[at]) at++
  const around = (text: string) => text.slice(Math.max(0, at - 200), at + 60)
  return `${around(a)}\nbecame ${around(b)}`
}
