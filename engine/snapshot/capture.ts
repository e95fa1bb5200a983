import { PAGE_SIZE } from '../memory/layout.ts'
import { isZeroPage } from '../memory/zero-pages.ts'
import type { CallTask } from '../protocol/rpc.ts'
import { packMemoryAside } from './packed-memory.ts'
import { writeStateFile } from './state-file.ts'

/** A machine's state at one moment, its memory copied as it is, so that the guest need not wait for the packing. */
export interface MachineCapture {
  state: unknown
  /** Shared between threads: it is handed over without another copy. */
  ram: Uint8Array
  vram: Uint8Array
  /** What was written to ephemeral media, packed already. */
  writes: Uint8Array[]
}

/**
 * Room for a copy of memory that all threads can read, which the host has committed already: that takes longer than
 * the copying itself, and a guest need not wait for it.
 */
export function roomFor(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes)).fill(0)
}

/** Copies memory into room of zeros, without what is zero already: most of what a guest has not touched. */
export function copyInto(room: Uint8Array, memory: Uint8Array): void {
  const pages = memory.length / PAGE_SIZE
  for (let page = 0; page < pages;) {
    if (isZeroPage(memory, page)) {
      page++
      continue
    }
    const first = page
    while (page < pages && !isZeroPage(memory, page)) page++
    room.set(memory.subarray(first * PAGE_SIZE, page * PAGE_SIZE), first * PAGE_SIZE)
  }
}

/** The state file of a capture; others get their turn while it is packed. Throws `cancelled`. */
export async function packCapture(
  { state, ram, vram, writes }: MachineCapture,
  { signal, progress }: CallTask,
): Promise<Uint8Array> {
  const whole = ram.length + vram.length
  return writeStateFile({
    state,
    ram: await packMemoryAside(ram, signal, (bytes) => progress(bytes / whole)),
    vram: await packMemoryAside(vram, signal, (bytes) => progress((ram.length + bytes) / whole)),
    writes,
  })
}
