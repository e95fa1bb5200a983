import * as fs from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { unusable } from '../../storage/host-file.ts'
import type { Compared, FileChange } from './compare-files.ts'
import type { Progress } from './copy-disk.ts'
import type { ImageBrowser } from './image-browser.ts'

/**
 * Copies what was added or changed in an image into a new folder of the host, to be looked at before it is taken over.
 * Throws `file-unusable`; what was copied before a file that fails stays.
 *
 * @param after the image that has them
 * @returns what was left out: links, devices
 */
export function* saveChanges(
  browser: ImageBrowser,
  after: Compared,
  changes: readonly FileChange[],
  folder: string,
): Generator<Progress, string[]> {
  if (fs.existsSync(folder)) throw unusable(folder, because('folder-there'))
  const wanted = changes.filter(({ change }) => change !== 'removed').map(({ path }) => path)
  const left: string[] = []
  fs.mkdirSync(folder, { recursive: true })
  const { partition } = after
  const options = { ...after.options, partition, replaces: false }
  for (const [index, path] of wanted.entries()) {
    const place = join(folder, ...path.split('/'))
    const above = posix.dirname(path)
    const beside = browser.list(after.path, above === '.' ? '' : above, options)
    const kind = beside.find(({ name }) => name === posix.basename(path))?.kind
    // Of a new folder all that is in it is listed, too.
    if (kind === 'folder') fs.mkdirSync(place, { recursive: true })
    else if (kind === 'file') {
      fs.mkdirSync(dirname(place), { recursive: true })
      for (const _ of browser.copyOut(after.path, path, place, options));
    } else left.push(path)
    yield { done: index + 1, total: wanted.length }
  }
  return left
}
