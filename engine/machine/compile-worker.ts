import { setFlagsFromString } from 'node:v8'
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Decoder } from '../isa/decoder.ts'
import type { Feature } from '../isa/description.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { describeAll } from '../isa/index.ts'
import { FlagFlow } from '../translator/flag-flow.ts'
import { type RegionMessage, unpackRequest } from '../translator/region-message.ts'
import { makeModule } from '../translator/region-module.ts'

/** What the thread starts with. */
export interface CompileStart {
  port: MessagePort
  /** Number of answers posted: whoever asks looks there, for it never waits. */
  posted: Int32Array<SharedArrayBuffer>
  /** What the processor has, which decides what its code means. */
  features: ReadonlySet<Feature>
}

/** Regions of one module: few enough that the first is not long in coming, for a module costs as much as some regions. */
const MAX_BATCH = 8

/** Entry of the thread that makes regions. */
function main({ port, posted, features }: CompileStart): void {
  // Functions are compiled here and now, not by the processor's thread when it calls them first.
  setFlagsFromString('--no-wasm-lazy-compilation')
  const decoder = new Decoder(buildOpcodeTable(describeAll(), features))
  const flagFlow = new FlagFlow()
  port.on('message', (first: RegionMessage) => {
    const messages = [first]
    while (messages.length < MAX_BATCH) {
      const more = receiveMessageOnPort(port)
      if (!more) break
      messages.push(more.message as RegionMessage)
    }
    const requests = messages
      .map((message) => unpackRequest(message, decoder))
      .filter((request) => request !== null)
    port.postMessage({ ...makeModule(requests, flagFlow), asked: messages.map(({ id }) => id) })
    Atomics.add(posted, 0, 1)
  })
}

main(workerData as CompileStart)
