import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { VmRecord } from '../../protocol/vm.ts'

/*
 * Where the files of a tree are. Its record names those in the machine's folder by their names there, all others by
 * absolute ones.
 */

export const placeOf = (folder: string, file: string): string =>
  isAbsolute(file) ? file : join(folder, file)

/** The name by which a layer in the folder calls a file. */
export const nameIn = (folder: string, file: string): string =>
  isAbsolute(file) ? file : relative(folder, resolve(folder, file))

/** In the machine's folder itself. */
export const isOwn = (file: string): boolean => !isAbsolute(file) && dirname(file) === '.'

/** Files outside of their folders that the machine's disks may build on. */
export const allowedBy = (folder: string, { machine }: VmRecord): string[] =>
  machine.drives.flatMap(({ allowed = [] }) => allowed.map((file) => placeOf(folder, file)))
