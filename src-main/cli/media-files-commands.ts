import { basename, extname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { inWords } from '../../engine/protocol/reasons.ts'
import { compareFiles } from '../../engine/service/media/compare-files.ts'
import { saveChanges } from '../../engine/service/media/save-changes.ts'
import { imageOfFolder } from '../../engine/service/media/folder-image.ts'
import { type EntryInfo, ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { makableFormats, type SourceOptions } from '../../engine/service/media/media.ts'
import { asJson } from '../../engine/protocol/as-json.ts'
import { carryOut, formatOf, inBytes, parseSize, print } from './media-output.ts'
import { UsageError } from './usage-error.ts'

interface FileOptions extends SourceOptions {
  partition?: string
  json?: boolean
  force?: boolean
}

/** The commands of `vitrine media` that look into images: files in and out. */
export function addFileCommands(
  add: (name: string, args: string, summary: string) => Command,
  sourceOf: (options: object) => SourceOptions,
): void {
  const browser = new ImageBrowser()
  const inside = (name: string, args: string, summary: string): Command =>
    add(name, args, summary).option('--partition <N>', 'number of the partition, where there are several')
  const placeOf = (options: FileOptions) => ({
    ...sourceOf(options),
    partition: options.partition === undefined ? null : partitionOf(options.partition),
  })

  inside('ls', '<file> [path]', 'list the files in a FAT, ISO 9660 or ext image').action(
    (file: string, path: string | undefined, options: FileOptions) => {
      const place = placeOf(options)
      const volumes = browser.volumes(file, place)
      const readable = volumes.filter(({ kind }) => kind !== null)
      if (path === undefined && place.partition === null && readable.length > 1)
        return printVolumes(volumes, options)
      const entries = browser.list(file, path ?? '', place)
      if (options.json) print(asJson({ volumes, entries }))
      else for (const entry of entries) print(lineOf(entry))
    },
  )

  inside('copy-out', '<file> <path> <target>', 'copy a file or folder out of an image')
    .option('--force', 'replace a file of the same name')
    .action(async (file: string, path: string, target: string, options: FileOptions) => {
      const copied = browser.copyOut(file, path, resolve(target), {
        ...placeOf(options),
        replaces: options.force ?? false,
      })
      const { left } = await carryOut(copied)
      for (const name of left) process.stderr.write(`vitrine: ${name}: a link or device; it is left out\n`)
    })

  inside('copy-in', '<file> <source...>', 'copy files and folders into a FAT image')
    .option('--to <FOLDER>', 'folder in the image, made where it is missing', '')
    .option('--force', 'replace files of the same name')
    .action(async (file: string, sources: string[], options: FileOptions & { to: string }) => {
      const place = { ...placeOf(options), replaces: options.force ?? false }
      await carryOut(
        browser.copyIn(file, sources, options.to, place),
        'what was copied so far is in the image',
      )
    })

  add('from-folder', '<folder> <out>', 'make a CD (.iso), a FAT floppy or a FAT disk of a folder')
    .option(
      '--size <N>',
      'of the FAT disk, or 360K, 720K, 1200K, 1440K, 2880K for a floppy; as it takes when absent',
    )
    .option('--label <TEXT>', "name of the volume; the folder's when absent")
    .addOption(
      new Option('--format <FORMAT>', "what keeps a disk; by its name's ending when absent, or raw").choices(
        makableFormats()
          .map(({ format }) => format)
          .filter((format) => format !== 'luks'),
      ),
    )
    .option('--force', 'replace a file of the same name')
    .action(async (folder: string, out: string, options: FromFolder) => {
      const making = imageOfFolder(folder, out, {
        label: options.label ?? labelOf(folder),
        sizeBytes: options.size === undefined ? null : parseSize('--size', options.size),
        format: formatOf(out, options.format),
        replaces: options.force ?? false,
        nowMs: Date.now(),
      })
      await carryOut(making)
    })

  inside(
    'compare',
    '<before> <after>',
    'list the files that differ between two images, or an image and a folder',
  )
    .option('--save <FOLDER>', 'copy what was added or changed out of <after>, an image, into a new folder')
    .action(async (before: string, after: string, options: FileOptions & { save?: string }) => {
      const { partition, ...source } = placeOf(options)
      const [left, right] = [before, after].map((path) => ({ path, partition, options: source }))
      const changes = await carryOut(compareFiles(left!, right!))
      if (options.save !== undefined)
        for (const path of await carryOut(saveChanges(browser, right!, changes, options.save)))
          process.stderr.write(`${path}: a link or a device, left out\n`)
      if (options.json) print(JSON.stringify(changes, null, 2))
      else for (const { path, change } of changes) print(`${MARKS[change]} ${path}`)
    })
}

interface FromFolder {
  size?: string
  label?: string
  format?: Parameters<typeof formatOf>[1]
  force?: boolean
}

const MARKS = { added: '+', removed: '-', changed: '~' }

/** What may be the name of a volume everywhere. */
const labelOf = (folder: string): string =>
  basename(resolve(folder), extname(folder))
    .replaceAll(/[^\w-]/g, '_')
    .slice(0, 11)

function partitionOf(text: string): number {
  if (!/^\d{1,3}$/.test(text))
    throw new UsageError(`--partition ${text}: it is not the number of a partition`)
  return Number(text)
}

function printVolumes(volumes: ReturnType<ImageBrowser['volumes']>, { json }: FileOptions): void {
  if (json) return print(asJson({ volumes, entries: [] }))
  for (const { partition, kind, label, sizeBytes, problem } of volumes)
    print(
      `partition ${partition}  ${inBytes(sizeBytes).padStart(10)}  ${kind ?? (problem ? inWords(problem) : 'not known')}  ${label}`.trimEnd(),
    )
}

function lineOf({ name, kind, bytes, modifiedMs, target }: EntryInfo): string {
  const size = kind === 'folder' ? '<DIR>' : bytes === null ? '<LINK>' : String(bytes)
  const when = modifiedMs === null ? '' : new Date(modifiedMs).toISOString().slice(0, 16).replace('T', ' ')
  return `${size.padStart(12)}  ${when.padEnd(16)}  ${name}${target === null ? '' : ` -> ${target}`}`
}
