import { gunzipSync } from 'node:zlib'
import { EngineError } from '../../base/errors.ts'
import { because } from '../../protocol/reasons.ts'
import { isLinux, placeLinux } from './linux.ts'
import { findMultibootHeader, placeMultiboot } from './multiboot.ts'
import type { BootPlacement } from './placement.ts'

/** A file as the user named it, and what is in it. */
export interface KernelFile {
  path: string
  bytes: Uint8Array
}

export interface KernelModule extends KernelFile {
  /** What follows the file's name on its command line. */
  arguments: string
}

export interface KernelRequest {
  initrd?: KernelFile | undefined
  /** Command line. */
  append: string
  /** Multiboot modules, in order. */
  modules: readonly KernelModule[]
  ramBytes: number
  acpi: boolean
}

const MAX_UNPACKED_BYTES = 512 * 1024 * 1024

/**
 * Lays a kernel out in guest memory, by the header that it has. Throws `file-unusable` when it is no kernel or
 * does not fit, `option-invalid` when it does not take the options given.
 */
export function placeKernel(file: KernelFile, request: KernelRequest): BootPlacement {
  const kernel = unpack(file)
  if (isLinux(kernel.bytes)) return placeLinux(kernel, request)
  const header = findMultibootHeader(kernel.bytes)
  if (header)
    return placeMultiboot(kernel, header, { ...request, modules: request.modules.map((m) => unpack(m)) })
  throw new EngineError('file-unusable', {
    path: file.path,
    reason: because('no-kernel'),
  })
}

/** Multiboot kernels and modules often come compressed, and boot loaders have always unpacked them. */
function unpack<File extends KernelFile>(file: File): File {
  if (file.bytes[0] !== 0x1f || file.bytes[1] !== 0x8b) return file
  try {
    return { ...file, bytes: new Uint8Array(gunzipSync(file.bytes, { maxOutputLength: MAX_UNPACKED_BYTES })) }
  } catch (cause) {
    throw new EngineError(
      'file-unusable',
      { path: file.path, reason: because('kernel-compressed') },
      { cause },
    )
  }
}
