import { describe, expect, it } from 'vitest'
import { readMessages } from './frame-stream.ts'

/** A response's body that comes in pieces of so many bytes. */
function bodyOf(bytes: Uint8Array<ArrayBuffer>, piece: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at === bytes.length) {
        controller.close()
        controller.byobRequest?.respond(0)
        return
      }
      controller.enqueue(bytes.slice(at, at + piece))
      at = Math.min(bytes.length, at + piece)
    },
  }) as ReadableStream<Uint8Array<ArrayBuffer>>
}

const message = (bytes: number, value: number): Uint8Array => {
  const framed = new Uint8Array(4 + bytes).fill(value)
  new DataView(framed.buffer).setUint32(0, bytes, true)
  return framed
}

async function read(bytes: Uint8Array<ArrayBuffer>, piece: number): Promise<[number, number][]> {
  const found: [number, number][] = []
  await readMessages(bodyOf(bytes, piece), (buffer) => {
    const all = new Uint8Array(buffer)
    if (all.some((value) => value !== all[0])) throw new Error('bytes of another message')
    found.push([all.length, all[0]!])
  })
  return found
}

describe('a stream of messages', () => {
  const sizes = [1, 4000, 3, 300_000, 5, 262_140, 262_141, 2]
  const all = Uint8Array.from(sizes.flatMap((bytes, index) => [...message(bytes, index + 1)]))

  it.each([7, 1000, 65_536, 1_000_000])(
    'gives each as it was sent, however it is cut: pieces of %i bytes',
    async (piece) => expect(await read(all, piece)).toEqual(sizes.map((bytes, index) => [bytes, index + 1])),
  )

  it('ends with the stream, within a message as well, and at a length that no frame has', async () => {
    expect(await read(all.slice(0, 4 + 1 + 4 + 10), 4)).toEqual([[1, 1]])
    expect(await read(new Uint8Array(8).fill(0xff), 8)).toEqual([])
  })
})
