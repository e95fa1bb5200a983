import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assembleAt } from '../../engine/kvm/test-kvm.ts'

/** A floppy image in a folder whose boot sector holds this 16-bit program. @returns its path */
export async function bootSector(folder: string, name: string, ...lines: string[]): Promise<string> {
  const image = new Uint8Array(1440 * 1024)
  const program = assembleAt(0x7c00, 'bits 16', ...lines)
  if (program.length > 510) throw new Error(`${program.length} bytes do not fit into a boot sector`)
  image.set(program)
  image.set([0x55, 0xaa], 510)
  const file = join(folder, name)
  await writeFile(file, image)
  return file
}
