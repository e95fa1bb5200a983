import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, Worker, receiveMessageOnPort } from 'node:worker_threads'
import type { Feature } from '../isa/description.ts'
import type { RegionCompiler } from '../translator/compiler.ts'
import { packRequest } from '../translator/region-message.ts'
import type { RegionModule, RegionRequest } from '../translator/region-module.ts'
import type { CompileStart } from './compile-worker.ts'

/** Requests on their way; more would wait so long that other code is hot by then. */
const MAX_WAITING = 64

/** Makes regions on a thread of its own. The thread that asks never waits, and need not have an event loop. */
export class CompileThread implements RegionCompiler {
  readonly #worker: Worker
  readonly #port: MessagePort
  /** Number of answers posted. */
  readonly #posted = new Int32Array(new SharedArrayBuffer(4))
  #taken = 0
  #waiting = 0

  /**
   * @param script file of the bundled compile-worker.ts
   * @param memory linear memory, which the code is in
   */
  constructor(
    script: string,
    features: ReadonlySet<Feature>,
    private readonly memory: Uint8Array,
  ) {
    const { port1, port2 } = new MessageChannel()
    const workerData: CompileStart = { port: port2, posted: this.#posted, features }
    this.#worker = new Worker(script, { workerData, transferList: [port2], name: 'compiler' })
    this.#worker.unref()
    this.#port = port1
  }

  get takesMore(): boolean {
    return this.#waiting < MAX_WAITING
  }

  submit(request: RegionRequest): void {
    this.#waiting++
    this.#port.postMessage(packRequest(request, this.memory))
  }

  finished(): RegionModule[] {
    const made: RegionModule[] = []
    while (Atomics.load(this.#posted, 0) !== this.#taken) {
      const message = receiveMessageOnPort(this.#port)
      if (!message) break
      this.#taken++
      const answer = message.message as RegionModule
      this.#waiting -= answer.asked.length
      made.push(answer)
    }
    return made
  }

  close(): void {
    this.#port.close()
    void this.#worker.terminate()
  }
}

/** The bundle of compile-worker.ts; null in a working copy, where regions are made on the spot. */
export function compileScript(): string | null {
  const path = fileURLToPath(new URL('../main/compile-worker.js', import.meta.url))
  return existsSync(path) ? path : null
}
