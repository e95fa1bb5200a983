/** A loadable part of a 32-bit ELF file. */
export interface ElfSegment {
  /** Physical. */
  address: number
  data: Uint8Array
  memoryBytes: number
}

export interface ElfImage {
  segments: ElfSegment[]
  /** Physical. */
  entry: number
  /** Section headers, for kernels that read their own symbols; null without any. */
  sections: {
    count: number
    entryBytes: number
    stringIndex: number
    /** The header table with addresses filled in; `place` puts contents that no segment loads into memory. */
    build(place: (bytes: Uint8Array) => number): Uint8Array
  } | null
}

const PT_LOAD = 1
const SHT_NOBITS = 8
const MAX_HEADERS = 1024

/** @returns why the file cannot be loaded, as text, or what is in it. @see System V ABI, "Object files" */
export function readElf(bytes: Uint8Array): ElfImage | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 52 || view.getUint32(0, false) !== 0x7f454c46)
    return 'has a Multiboot header but is no ELF file'
  if (bytes[4] !== 1 || bytes[5] !== 1)
    return 'is not a 32-bit little-endian ELF file, which Multiboot 1 wants'
  const entry = view.getUint32(24, true)
  const programOffset = view.getUint32(28, true)
  const programBytes = view.getUint16(42, true)
  const programCount = view.getUint16(44, true)
  if (
    programBytes < 32 ||
    programCount === 0 ||
    programCount > MAX_HEADERS ||
    programOffset + programBytes * programCount > bytes.length
  )
    return 'has damaged ELF program headers'
  const segments: ElfSegment[] = []
  let physicalEntry = entry
  for (let index = 0; index < programCount; index++) {
    const at = programOffset + index * programBytes
    if (view.getUint32(at, true) !== PT_LOAD) continue
    const offset = view.getUint32(at + 4, true)
    const virtual = view.getUint32(at + 8, true)
    const address = view.getUint32(at + 12, true)
    const fileBytes = view.getUint32(at + 16, true)
    const memoryBytes = Math.max(fileBytes, view.getUint32(at + 20, true))
    if (memoryBytes === 0) continue
    if (offset + fileBytes > bytes.length || address + memoryBytes > 0x100000000)
      return 'has damaged ELF program headers'
    segments.push({ address, data: bytes.subarray(offset, offset + fileBytes), memoryBytes })
    if (entry >= virtual && entry < virtual + memoryBytes) physicalEntry = entry - virtual + address
  }
  if (segments.length === 0) return 'is an ELF file with nothing to load'
  return { segments, entry: physicalEntry, sections: readSections(bytes, view) }
}

function readSections(bytes: Uint8Array, view: DataView): ElfImage['sections'] {
  const offset = view.getUint32(32, true)
  const entryBytes = view.getUint16(46, true)
  const count = view.getUint16(48, true)
  const stringIndex = view.getUint16(50, true)
  if (
    offset === 0 ||
    count === 0 ||
    count > MAX_HEADERS ||
    entryBytes < 40 ||
    offset + count * entryBytes > bytes.length
  )
    return null
  return {
    count,
    entryBytes,
    stringIndex,
    build(place) {
      const table = bytes.slice(offset, offset + count * entryBytes)
      const entries = new DataView(table.buffer)
      for (let index = 1; index < count; index++) {
        const at = index * entryBytes
        const size = entries.getUint32(at + 20, true)
        const from = entries.getUint32(at + 16, true)
        const loaded = entries.getUint32(at + 12, true) !== 0
        if (
          loaded ||
          size === 0 ||
          entries.getUint32(at + 4, true) === SHT_NOBITS ||
          from + size > bytes.length
        )
          continue
        entries.setUint32(at + 12, place(bytes.subarray(from, from + size)), true)
      }
      return table
    },
  }
}
