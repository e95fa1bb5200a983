import { memoryChunks } from './memory-image.ts'
import { writeStateFile } from './state-file.ts'

/** A machine's state at one moment, its memory copied as it is, so that the guest need not wait for the packing. */
export interface MachineCapture {
  state: unknown
  /** Shared between threads: it is handed over without another copy. */
  ram: Uint8Array
  vram: Uint8Array
}

/** A copy that other threads may read. */
export function sharedCopy(memory: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(memory.length))
  copy.set(memory)
  return copy
}

/** The state file of a capture; others get their turn while it is packed. */
export async function packCapture({ state, ram, vram }: MachineCapture): Promise<Uint8Array> {
  return writeStateFile({ state, ram: await packSlowly(ram), vram: await packSlowly(vram) })
}

async function packSlowly(memory: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (const part of memoryChunks(memory)) {
    parts.push(...part)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return Buffer.concat(parts)
}
