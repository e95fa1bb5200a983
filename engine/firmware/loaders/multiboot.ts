import { EngineError } from '../../base/errors.ts'
import { because, technical, type Reason } from '../../protocol/reasons.ts'
import { memoryLayout, memoryRanges } from '../memory-map.ts'
import { CONVENTIONAL_KIB } from '../services/bda.ts'
import { type ElfImage, readElf } from './elf.ts'
import type { KernelFile, KernelRequest } from './kernel.ts'
import type { BootPlacement, Piece } from './placement.ts'

const HEADER_MAGIC = 0x1badb002
const BOOT_MAGIC = 0x2badb002
const SEARCH_BYTES = 8192
const ADDRESS_FIELDS = 1 << 16
/** Required features of a header: page-aligned modules, memory information, video mode. */
const KNOWN_REQUIREMENTS = 0x7
const PAGE = 0x1000
const MIB = 0x100000
const INFO_BYTES = 120

/** Flags of the information structure. */
const INFO = {
  memory: 1,
  commandLine: 4,
  modules: 8,
  elfSections: 0x20,
  memoryMap: 0x40,
  loaderName: 0x200,
  frameBuffer: 0x1000,
}

export interface MultibootHeader {
  /** In the file. */
  offset: number
  flags: number
}

/** @see Multiboot specification 0.6.96, section 3.1 */
export function findMultibootHeader(kernel: Uint8Array): MultibootHeader | null {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength)
  const end = Math.min(kernel.length, SEARCH_BYTES) - 12
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue
    const flags = view.getUint32(offset + 4, true)
    if ((HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) % 0x100000000 === 0)
      return { offset, flags }
  }
  return null
}

interface Loaded {
  pieces: Piece[]
  entry: number
  /** First byte behind everything, its uninitialised data included. */
  end: number
  start: number
  sections: ElfImage['sections']
}

/** Lays out a Multiboot 1 kernel with its modules and the structure that describes the machine to it. */
export function placeMultiboot(
  kernel: KernelFile,
  header: MultibootHeader,
  request: KernelRequest,
): BootPlacement {
  const fail = (reason: Reason, path = kernel.path): never => {
    throw new EngineError('file-unusable', { path, reason })
  }
  if (header.flags & 0xffff & ~KNOWN_REQUIREMENTS) fail(because('multiboot-feature'))
  const loaded = header.flags & ADDRESS_FIELDS ? loadByAddresses(kernel, header, fail) : loadElf(kernel, fail)
  const { usableEnd } = memoryLayout(request.ramBytes, request.acpi)
  const pieces = [...loaded.pieces]
  let next = Math.max(MIB, loaded.end)
  const place = (bytes: Uint8Array, path: string): number => {
    const address = Math.ceil(next / PAGE) * PAGE
    next = address + bytes.length
    if (next > usableEnd) fail(because('module-no-room', { MiB: request.ramBytes / MIB }), path)
    pieces.push({ address, bytes })
    return address
  }
  if (loaded.end > usableEnd) fail(because('kernel-needs-memory', { MiB: Math.ceil(loaded.end / MIB) + 1 }))
  const modules = [...(request.initrd ? [{ ...request.initrd, arguments: '' }] : []), ...request.modules].map(
    (module) => {
      const start = place(module.bytes, module.path)
      return { start, end: start + module.bytes.length, text: `${module.path} ${module.arguments}`.trim() }
    },
  )
  const sections = loaded.sections && {
    ...loaded.sections,
    address: place(
      loaded.sections.build((bytes) => place(bytes, kernel.path)),
      kernel.path,
    ),
  }

  const infoAddress =
    [0x10000, 0x60000, 0x80000].find((at) => loaded.end <= at || loaded.start >= at + 0x10000) ?? 0x1000
  const info = new InfoBlock(infoAddress)
  const { view } = info
  view.setUint32(
    0,
    INFO.memory |
      INFO.commandLine |
      INFO.modules |
      INFO.memoryMap |
      INFO.loaderName |
      INFO.frameBuffer |
      (sections ? INFO.elfSections : 0),
    true,
  )
  view.setUint32(4, CONVENTIONAL_KIB, true)
  view.setUint32(8, (usableEnd - MIB) / 1024, true)
  view.setUint32(16, info.text(`${kernel.path} ${request.append}`.trim()), true)
  view.setUint32(20, modules.length, true)
  view.setUint32(
    24,
    info.words(modules.flatMap(({ start, end, text }) => [start, end, info.text(text), 0])),
    true,
  )
  if (sections) {
    view.setUint32(28, sections.count, true)
    view.setUint32(32, sections.entryBytes, true)
    view.setUint32(36, sections.address, true)
    view.setUint32(40, sections.stringIndex, true)
  }
  const map = memoryRanges(request.ramBytes, request.acpi).flatMap(({ base, length, kind }) => [
    20,
    base,
    0,
    length,
    0,
    kind,
  ])
  view.setUint32(44, map.length * 4, true)
  view.setUint32(48, info.words(map), true)
  view.setUint32(64, info.text('Vitrine'), true)
  // The screen is in text mode: 80×25 cells at B8000.
  view.setUint32(88, 0xb8000, true)
  view.setUint32(96, 160, true)
  view.setUint32(100, 80, true)
  view.setUint32(104, 25, true)
  view.setUint8(108, 16)
  view.setUint8(109, 2)
  pieces.push({ address: infoAddress, bytes: info.bytes })
  return {
    pieces,
    start: { kind: 'protected', entry: loaded.entry, esp: 0x7c00, eax: BOOT_MAGIC, ebx: infoAddress, esi: 0 },
  }
}

/** The information structure and what it points to, in one piece of low memory. */
class InfoBlock {
  readonly #data = new Uint8Array(0x8000)
  readonly view = new DataView(this.#data.buffer)
  #used = INFO_BYTES

  constructor(private readonly address: number) {}

  get bytes(): Uint8Array {
    return this.#data.slice(0, this.#used)
  }
  text(value: string): number {
    return this.#add(Uint8Array.from([...new TextEncoder().encode(value), 0]))
  }
  words(values: readonly number[]): number {
    this.#used = (this.#used + 3) & ~3
    return this.#add(new Uint8Array(Uint32Array.from(values).buffer))
  }
  #add(bytes: Uint8Array): number {
    if (this.#used + bytes.length > this.#data.length)
      throw new EngineError('option-invalid', {
        option: 'append',
        reason: because('append-too-long-with-modules'),
      })
    this.#data.set(bytes, this.#used)
    this.#used += bytes.length
    return this.address + this.#used - bytes.length
  }
}

type Fail = (reason: Reason) => never

/** The header's own address fields: for kernels that are no ELF files. */
function loadByAddresses({ bytes }: KernelFile, header: MultibootHeader, fail: Fail): Loaded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (header.offset + 32 > bytes.length) fail(because('kernel-cut-off'))
  const [headerAddress, start, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map((at) =>
    view.getUint32(header.offset + at, true),
  ) as [number, number, number, number, number]
  const fileOffset = header.offset - (headerAddress - start)
  const length = loadEnd ? loadEnd - start : bytes.length - fileOffset
  if (start > headerAddress || fileOffset < 0 || length < 0 || fileOffset + length > bytes.length)
    fail(because('multiboot-addresses'))
  const end = Math.max(start + length, bssEnd)
  return {
    pieces: clearedPiece(start, bytes.subarray(fileOffset, fileOffset + length), end),
    entry,
    start,
    end,
    sections: null,
  }
}

function loadElf({ bytes }: KernelFile, fail: Fail): Loaded {
  const image = readElf(bytes)
  if (typeof image === 'string') return fail(technical(image))
  const pieces = image.segments.flatMap(({ address, data, memoryBytes }) =>
    clearedPiece(address, data, address + memoryBytes),
  )
  const start = Math.min(...image.segments.map(({ address }) => address))
  const end = Math.max(...image.segments.map(({ address, memoryBytes }) => address + memoryBytes))
  return { pieces, entry: image.entry, start, end, sections: image.sections }
}

const MAX_CLEARED = 0x40000000

/** Data and the zeros behind it. */
function clearedPiece(address: number, data: Uint8Array, end: number): Piece[] {
  const pieces: Piece[] = [{ address, bytes: data }]
  const zeros = Math.min(MAX_CLEARED, end - address - data.length)
  // In parts, so that a header that asks for a gigabyte of zeros does not get it from the host as well.
  const block = new Uint8Array(Math.min(Math.max(zeros, 0), 0x100000))
  for (let done = 0; done < zeros; done += block.length)
    pieces.push({
      address: address + data.length + done,
      bytes: block.subarray(0, Math.min(block.length, zeros - done)),
    })
  return pieces
}
