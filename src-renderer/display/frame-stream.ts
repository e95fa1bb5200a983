/** No frame of ours is longer: the largest picture, its header and its table of rectangles. */
const MAX_MESSAGE_BYTES = (4096 * 4096 + 1024) * 4
const LENGTH_BYTES = 4
/** What is read at once: most frames are much shorter than this, and longer ones have a buffer of their own. */
const ROOM_BYTES = 256 * 1024

/**
 * Reads messages, each with its length as a 32-bit number before it, from a streamed response. A reader that
 * brings its own buffers is twice as fast as the default one, and every read costs as much as some ten thousand bytes.
 * Ends with the stream.
 */
export async function readMessages(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  deliver: (message: ArrayBuffer) => void,
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  let room = new ArrayBuffer(ROOM_BYTES)
  let filled = 0

  /** Reads on into a buffer, which is another object then; null at the end. */
  const read = async (into: ArrayBuffer, from: number): Promise<Uint8Array<ArrayBuffer> | null> => {
    const { value, done } = await reader.read(new Uint8Array(into, from))
    return done ? null : value
  }
  /** The rest of a message that is longer than the room, whose beginning is there. */
  const readLong = async (bytes: number, from: number): Promise<ArrayBuffer | null> => {
    let message = new ArrayBuffer(bytes)
    new Uint8Array(message).set(new Uint8Array(room, from, filled - from))
    for (let at = filled - from; at < bytes;) {
      const part = await read(message, at)
      if (!part) return null
      message = part.buffer
      at += part.byteLength
    }
    return message
  }

  for (;;) {
    const part = await read(room, filled)
    if (!part) return
    room = part.buffer
    filled += part.byteLength
    let at = 0
    while (filled - at >= LENGTH_BYTES) {
      const bytes = new DataView(room).getUint32(at, true)
      if (bytes > MAX_MESSAGE_BYTES) return void reader.cancel()
      const from = at + LENGTH_BYTES
      if (from + bytes <= filled) {
        deliver(room.slice(from, from + bytes))
        at = from + bytes
      } else if (LENGTH_BYTES + bytes > ROOM_BYTES) {
        const message = await readLong(bytes, from)
        if (!message) return
        deliver(message)
        at = filled
      } else break
    }
    new Uint8Array(room).copyWithin(0, at, filled)
    filled -= at
  }
}
