import { Worker } from 'node:worker_threads'

/** Room for new objects: what the default of 48 MiB would take, a machine's thread does not come to use. */
const YOUNG_GENERATION_MIB = 8

/**
 * Starts the thread of a machine that is yet to come: it loads what a machine is made of, and waits.
 * @param script file of the bundled machine-worker.ts
 */
export function prepareWorker(script: string): Worker {
  const worker = new Worker(script, {
    name: 'machine',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
  })
  // Nobody waits for one that gets no machine.
  worker.unref()
  return worker
}
