/** What the engine uses of WebAssembly; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: BufferSource)
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>)
    readonly exports: Record<string, unknown>
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean })
    readonly buffer: SharedArrayBuffer
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc'; initial: number; maximum?: number })
    get(index: number): unknown
    set(index: number, value: unknown): void
    /** @returns the length before */
    grow(by: number): number
    readonly length: number
  }
  function validate(bytes: BufferSource): boolean
  function compile(bytes: BufferSource): Promise<Module>
}
type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer
