import type { SystemCalls } from './system-calls.ts'

const WASM_PAGE = 65536

/**
 * Page-aligned memory that never moves, for structures that the kernel reads and fills. A WebAssembly memory,
 * since array buffers are neither aligned nor may they be made around foreign memory everywhere.
 */
export class HostArea {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** The same as 64-bit words, for registers. */
  readonly words: BigUint64Array
  readonly address: number

  constructor(calls: SystemCalls, bytes: number = WASM_PAGE) {
    const pages = Math.ceil(bytes / WASM_PAGE)
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.words = new BigUint64Array(buffer)
    this.address = calls.address(this.bytes)
  }
}
