import { because } from '../protocol/reasons.ts'
import {
  CPU_BYTES,
  MAX_RAM_BYTES,
  MIB,
  RAM_BASE,
  ROM_BASE,
  ROM_BYTES,
  TEXT_WINDOW_BYTES,
  VRAM_BASE,
  VRAM_BYTES,
} from './layout.ts'
import { EngineError } from '../base/errors.ts'
import type { AbsentMemory } from './absent-memory.ts'

/**
 * The linear memory of one machine: shared, allocated whole, never grown; the host commits a page when it
 * is first touched. Interpreter, translated code, device models and a KVM memory slot all see these bytes.
 */
export class GuestMemory {
  readonly wasm: WebAssembly.Memory
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly rom: Uint8Array
  /** Video memory and, behind it, the text window. */
  readonly vram: Uint8Array
  readonly #ram: Uint8Array
  /** What of RAM is not here yet; null once all is. Its owner is `MemoryMap`, which all accesses to pages of RAM go by. */
  absent: AbsentMemory | null = null

  /** @param ramMiB guest RAM, 1 to 3072. Throws `option-invalid` outside of that. */
  constructor(readonly ramMiB: number) {
    if (!Number.isInteger(ramMiB) || ramMiB < 1 || ramMiB * MIB > MAX_RAM_BYTES)
      throw new EngineError('option-invalid', {
        option: 'memory',
        reason: because('memory-outside', { MiB: ramMiB }),
      })
    const pages = (RAM_BASE + ramMiB * MIB) / 65536
    this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    const { buffer } = this.wasm
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.rom = new Uint8Array(buffer, ROM_BASE, ROM_BYTES)
    this.vram = new Uint8Array(buffer, VRAM_BASE, VRAM_BYTES + TEXT_WINDOW_BYTES)
    this.#ram = new Uint8Array(buffer, RAM_BASE, ramMiB * MIB)
  }

  /** All of RAM. Throws `state-invalid` when what is not here yet is damaged. */
  get ram(): Uint8Array {
    this.absent?.bringAll()
    return this.#ram
  }

  /** RAM as far as it is here, zeros elsewhere: for what is not looked at. */
  get ramAsItIs(): Uint8Array {
    return this.#ram
  }

  /** The CPU's part, which no guest access may reach. */
  get cpu(): Int32Array {
    return new Int32Array(this.wasm.buffer, 0, CPU_BYTES / 4)
  }
}
