/** A file of an archive, or a folder when it has no contents. */
export interface ZipEntry {
  /** Names with slashes between them. */
  path: string
  modifiedMs: number | null
  contents: Blob | null
}

const FLAG_UTF8 = 0x800
/** Longer ones need a newer format, which old programs do not read. */
export const MAX_ZIP_BYTES = 2 ** 32 - 1

/**
 * An archive that every system can open, without compression: it is made in one go and opened at once.
 * @see PKWARE APPNOTE 6.3.3, 4.3
 */
export async function zipOf(entries: readonly ZipEntry[]): Promise<Blob> {
  const parts: (Blob | Uint8Array<ArrayBuffer>)[] = []
  const directory: Uint8Array<ArrayBuffer>[] = []
  let [at, directoryBytes] = [0, 0]
  for (const entry of entries) {
    const name = new TextEncoder().encode(entry.contents ? entry.path : `${entry.path}/`)
    const size = entry.contents?.size ?? 0
    const crc = entry.contents ? await crc32(entry.contents) : 0
    const common = header(26, (view) => {
      view.setUint16(0, 20, true) // version 2.0
      view.setUint16(2, FLAG_UTF8, true)
      view.setUint32(6, dosTime(entry.modifiedMs), true)
      view.setUint32(10, crc, true)
      view.setUint32(14, size, true)
      view.setUint32(18, size, true)
      view.setUint16(22, name.length, true)
    })
    const place = header(14, (view) => {
      view.setUint32(6, entry.contents ? 0 : 0x10, true) // as DOS marks folders
      view.setUint32(10, at, true)
    })
    parts.push(signature(0x0403_4b50), common, name, ...(entry.contents ? [entry.contents] : []))
    const madeBy = header(2, (view) => view.setUint16(0, 20, true))
    directory.push(signature(0x0201_4b50), madeBy, common, place, name)
    at += 30 + name.length + size
    directoryBytes += 46 + name.length
  }
  const end = header(18, (view) => {
    view.setUint16(4, entries.length, true)
    view.setUint16(6, entries.length, true)
    view.setUint32(8, directoryBytes, true)
    view.setUint32(12, at, true)
  })
  return new Blob([...parts, ...directory, signature(0x0605_4b50), end], { type: 'application/zip' })
}

function header(bytes: number, fill: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes)
  fill(new DataView(made.buffer))
  return made
}

const signature = (value: number): Uint8Array<ArrayBuffer> =>
  header(4, (view) => view.setUint32(0, value, true))

/** Date and time as FAT has them: two seconds are the least, 1980 the first year. */
function dosTime(modifiedMs: number | null): number {
  const when = new Date(modifiedMs ?? 0)
  const year = when.getFullYear() - 1980
  if (year < 0 || year > 127) return (1 << 21) | (1 << 16)
  const date = (year << 9) | ((when.getMonth() + 1) << 5) | when.getDate()
  return ((date << 16) | (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1)) >>> 0
}

async function crc32(contents: Blob): Promise<number> {
  const table = crcTable()
  let crc = ~0
  const reader = contents.stream().getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read())
    for (const byte of read.value) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

const crcTable = (): Int32Array =>
  Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1
    return value
  })
