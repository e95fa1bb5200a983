import { Packer, read, type Service, write, writeWord } from '../../port/protocol.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'

/** F12 as INT 16h gives it: opens the boot menu. */
export const KEY_F12 = 0x8600

/** The ring of 16 keys in the data area, wherever 40:80 and 40:82 say that it lies. */
interface Ring {
  head: number
  tail: number
  start: number
  end: number
}

const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

function* ring(): Service<Ring> {
  const pointers = yield* read(BDA_SEGMENT, BDA.bufferHead, 4)
  const bounds = yield* read(BDA_SEGMENT, BDA.bufferStart, 4)
  return { head: word(pointers, 0), tail: word(pointers, 2), start: word(bounds, 0), end: word(bounds, 2) }
}

const after = (place: number, { start, end }: Ring): number => (place + 2 >= end ? start : place + 2)

/** Puts a key at the end. @returns false when the buffer is full */
export function* storeKey(code: number): Service<boolean> {
  const buffer = yield* ring()
  const next = after(buffer.tail, buffer)
  if (next === buffer.head) return false
  yield* writeWord(BDA_SEGMENT, buffer.tail, code)
  yield* write(BDA_SEGMENT, BDA.bufferTail, new Packer().u16(next).bytes)
  return true
}

/** The first key, or null. @param remove takes it out */
export function* nextKey(remove: boolean): Service<number | null> {
  const buffer = yield* ring()
  if (buffer.head === buffer.tail) return null
  const code = word(yield* read(BDA_SEGMENT, buffer.head, 2), 0)
  if (remove) yield* writeWord(BDA_SEGMENT, BDA.bufferHead, after(buffer.head, buffer))
  return code
}
