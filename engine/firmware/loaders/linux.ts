import { EngineError } from '../../base/errors.ts'
import { because, type Reason } from '../../protocol/reasons.ts'
import { memoryLayout } from '../memory-map.ts'
import type { KernelFile, KernelRequest } from './kernel.ts'
import type { BootPlacement, Piece } from './placement.ts'

const MAGIC = 0x53726448 // "HdrS"
const SECTOR = 512
/** Offsets in the setup header. @see Linux documentation, arch/x86/boot.rst */
const FIELD = {
  setupSectors: 0x1f1,
  videoMode: 0x1fa,
  bootFlag: 0x1fe,
  magic: 0x202,
  version: 0x206,
  loaderType: 0x210,
  loadFlags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  heapEnd: 0x224,
  commandLine: 0x228,
  ramdiskMax: 0x22c,
  commandLineSize: 0x238,
  initSize: 0x260,
} as const
const LOADED_HIGH = 0x01
const CAN_USE_HEAP = 0x80
const UNKNOWN_LOADER = 0xff

/** Setup code and heap share a segment; the command line follows the heap. */
const HEAP_END = 0xe000
const HIGH_SETUP_SEGMENT = 0x1000
/** Kernels that load low, and those before protocol 2.02, count on their setup code being here. */
const LOW_SETUP_SEGMENT = 0x9000
const LOW_KERNEL = 0x10000
const HIGH_KERNEL = 0x100000
const DEFAULT_RAMDISK_MAX = 0x37ffffff
const PAGE = 0x1000

export function isLinux(kernel: Uint8Array): boolean {
  if (kernel.length < 0x264) return false
  const view = viewOf(kernel)
  return view.getUint16(FIELD.bootFlag, true) === 0xaa55 && view.getUint32(FIELD.magic, true) === MAGIC
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Lays a kernel out by the Linux boot protocol. It is entered through its real-mode setup code, which asks the
 * BIOS for everything it wants to know: all protocol versions have that entry, and programs that only look
 * like a kernel (memory testers, network loaders) have no other.
 */
export function placeLinux(
  kernel: KernelFile,
  { initrd, append, modules, ramBytes, acpi }: KernelRequest,
): BootPlacement {
  const { bytes, path } = kernel
  const fail = (reason: Reason, file = path): never => {
    throw new EngineError('file-unusable', { path: file, reason })
  }
  if (modules.length) fail(because('linux-no-modules'))
  const header = viewOf(bytes)
  const version = header.getUint16(FIELD.version, true)
  const setupBytes = ((bytes[FIELD.setupSectors]! || 4) + 1) * SECTOR
  if (bytes.length <= setupBytes) fail(because('linux-cut-off'))
  const high = (bytes[FIELD.loadFlags]! & LOADED_HIGH) !== 0
  const { usableEnd } = memoryLayout(ramBytes, acpi)

  const segment = high && version >= 0x0202 ? HIGH_SETUP_SEGMENT : LOW_SETUP_SEGMENT
  const setup = bytes.slice(0, setupBytes)
  const view = viewOf(setup)
  if (setupBytes > HEAP_END - 0x1000) fail(because('linux-setup-too-long'))
  const payload = bytes.subarray(setupBytes)
  const kernelAddress = high ? HIGH_KERNEL : LOW_KERNEL
  const payloadEnd = kernelAddress + payload.length
  const wanted = version >= 0x020a ? kernelAddress + view.getUint32(FIELD.initSize, true) : payloadEnd
  const limit = high ? usableEnd : LOW_SETUP_SEGMENT * 16
  if (Math.max(payloadEnd, wanted) > limit)
    fail(because('kernel-needs-memory', { MiB: Math.ceil(Math.max(payloadEnd, wanted) / 0x100000) + 1 }))

  const pieces: Piece[] = [{ address: kernelAddress, bytes: payload }]
  setup[FIELD.loaderType] = UNKNOWN_LOADER
  if (version >= 0x0201) {
    setup[FIELD.loadFlags]! |= CAN_USE_HEAP
    view.setUint16(FIELD.heapEnd, HEAP_END - 0x200, true)
  }

  const commandLine = Uint8Array.from([...new TextEncoder().encode(append), 0])
  const longest = version >= 0x0206 ? view.getUint32(FIELD.commandLineSize, true) : 255
  if (commandLine.length - 1 > Math.min(longest, 0x1000))
    throw new EngineError('option-invalid', {
      option: 'append',
      reason: because('append-too-long', { most: Math.min(longest, 0x1000) }),
    })
  const commandAddress = segment * 16 + HEAP_END
  pieces.push({ address: commandAddress, bytes: commandLine })
  if (version >= 0x0202) view.setUint32(FIELD.commandLine, commandAddress, true)
  else {
    view.setUint16(0x20, 0xa33f, true)
    view.setUint16(0x22, HEAP_END, true)
  }

  if (initrd) {
    const reach = version >= 0x0203 ? view.getUint32(FIELD.ramdiskMax, true) + 1 : DEFAULT_RAMDISK_MAX + 1
    const top = Math.min(reach, usableEnd)
    const address = Math.floor((top - initrd.bytes.length) / PAGE) * PAGE
    if (address < Math.max(payloadEnd, wanted)) fail(because('initrd-no-room'), initrd.path)
    pieces.push({ address, bytes: initrd.bytes })
    view.setUint32(FIELD.ramdiskImage, address, true)
    view.setUint32(FIELD.ramdiskSize, initrd.bytes.length, true)
  }
  pieces.push({ address: segment * 16, bytes: setup })
  return {
    pieces,
    start: { kind: 'real', cs: segment + 0x20, ip: 0, ds: segment, ss: segment, sp: HEAP_END },
  }
}
