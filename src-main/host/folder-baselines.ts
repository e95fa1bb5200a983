import { readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import type { ListedFile } from '../../engine/service/media/folder-baseline.ts'
import { writeFileAtomically } from './atomic-file.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const Baseline = v.strictObject({
  version: v.literal(1),
  folder: v.string(),
  files: v.array(
    v.strictObject({
      path: v.string(),
      kind: v.picklist(['file', 'folder']),
      bytes: count,
      modifiedMs: v.nullable(v.number()),
      sha256: v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/)),
    }),
  ),
})

/** What the folder that a medium was made of had in it; kept beside the medium, hidden. */
export interface FolderBaseline {
  /** Name of the folder. */
  folder: string
  files: readonly ListedFile[]
}

/** Null for a medium that was not made of a folder, or of which that is not known any more. */
export async function readBaseline(image: string): Promise<FolderBaseline | null> {
  const text = await readFile(placeOf(image), 'utf8').catch(() => null)
  if (text === null) return null
  const found = v.safeParse(v.pipe(v.string(), v.parseJson(), Baseline), text)
  return found.success ? found.output : null
}

export async function writeBaseline(image: string, baseline: FolderBaseline): Promise<void> {
  await writeFileAtomically(placeOf(image), JSON.stringify({ version: 1, ...baseline }))
}

export async function removeBaseline(image: string): Promise<void> {
  await rm(placeOf(image), { force: true })
}

const placeOf = (image: string): string => join(dirname(image), `.${basename(image)}.folder.json`)
