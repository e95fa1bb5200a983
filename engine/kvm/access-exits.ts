import type { AccessSize } from '../bus/bus-device.ts'
import { floating } from '../bus/bus-device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { PortMap } from '../bus/port-map.ts'
import { RUN } from './abi.ts'

const FOUR_GIB = 0x1_0000_0000

/** What an access exit was, for counting. */
export type AccessKind = 'pio-read' | 'pio-write' | 'mmio-read' | 'mmio-write'

/** The shared structure that an exit is described in. */
export interface SharedRun {
  readonly run: DataView
  readonly runBytes: Uint8Array
}

/**
 * Answers an exit for port I/O: one access, or the repetitions of INS or OUTS that KVM has put together.
 */
export function answerPortExit({ run, runBytes }: SharedRun, ports: PortMap): AccessKind {
  const isWrite = run.getUint8(RUN.IO_DIRECTION) === 1
  const size = run.getUint8(RUN.IO_SIZE) as AccessSize
  const port = run.getUint16(RUN.IO_PORT, true)
  const start = run.getUint32(RUN.IO_DATA_OFFSET, true)
  const end = start + size * run.getUint32(RUN.IO_COUNT, true)
  let at = start
  const bulk = size > 1 && end - start > size ? ports.bulk(port) : undefined
  if (bulk) {
    for (let moved = -1; moved !== 0 && at < end; at += moved) {
      const rest = runBytes.subarray(at, end)
      moved = isWrite ? bulk.writeBlock(rest) : bulk.readBlock(rest)
    }
  }
  for (; at < end; at += size) {
    if (isWrite) ports.write(port, load(run, at, size), size)
    else store(run, at, size, ports.read(port, size))
  }
  return isWrite ? 'pio-write' : 'pio-read'
}

/** Answers an exit for an access to memory that no slot covers, or that a slot protects. */
export function answerMemoryExit({ run }: SharedRun, memory: MemoryMap): AccessKind {
  const isWrite = run.getUint8(RUN.MMIO_IS_WRITE) !== 0
  const address = Number(run.getBigUint64(RUN.MMIO_ADDRESS, true))
  const length = Math.min(8, run.getUint32(RUN.MMIO_LENGTH, true))
  for (let done = 0; done < length;) {
    const size = pieceSize(address + done, length - done)
    const at = RUN.MMIO_DATA + done
    const physical = address + done
    if (physical >= FOUR_GIB) {
      if (!isWrite) store(run, at, size, floating(size))
    } else {
      const masked = (physical & memory.a20Mask) >>> 0
      if (isWrite) memory.write(masked, load(run, at, size), size)
      else store(run, at, size, memory.read(masked, size))
    }
    done += size
  }
  return isWrite ? 'mmio-write' : 'mmio-read'
}

/** The widest piece that lies within a page. */
function pieceSize(address: number, left: number): AccessSize {
  const inPage = 0x1000 - (address % 0x1000)
  const most = Math.min(left, inPage)
  return most >= 4 ? 4 : most >= 2 ? 2 : 1
}

function load(view: DataView, at: number, size: AccessSize): number {
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
}

function store(view: DataView, at: number, size: AccessSize, value: number): void {
  if (size === 1) view.setUint8(at, value)
  else if (size === 2) view.setUint16(at, value, true)
  else view.setUint32(at, value, true)
}
