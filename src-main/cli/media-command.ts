import { Command, Option } from 'commander'
import {
  Keyring,
  makableFormats,
  Media,
  type MediaInfo,
  type SourceOptions,
  type TargetOptions,
} from '../../engine/service/media/media.ts'
import { DISK_FORMATS, type DriveConfig } from '../../engine/protocol/machine-config.ts'
import { addFileCommands } from './media-files-commands.ts'
import { carryOut, formatOf, inBytes, parseSize, print } from './media-output.ts'
import { askSecret, canAsk, newKeyring, readSecret } from './secret.ts'
import { UsageError } from './usage-error.ts'

type Format = Exclude<DriveConfig['format'], 'auto'>

interface Common {
  from?: Format
  allow?: string[]
  json?: boolean
  secretFile?: string
  /** Of `secretFile`, or what was asked for. */
  keyring?: Keyring
}

interface Target {
  format?: Format
  variant?: string
  cluster?: string
  backing?: string
  backingFormat?: Format
  compress?: boolean
  force?: boolean
  encrypt?: boolean
  newSecretFile?: string
}

const READABLE = DISK_FORMATS.filter((format): format is Format => format !== 'auto')
const MAKABLE = makableFormats()
/** `vitrine media …`: work on disk images that no machine uses. */
export function mediaCommand(finish: (status: number) => void): Command {
  const media = new Media()
  const command = new Command('media').summary('work on disk images, and copy files in and out').description(
    `Works on disk images that no machine uses. An image is never half made: what goes wrong or is stopped leaves
everything as it was. Sizes are in bytes, or with K, M, G or T.

${MAKABLE.map(({ format, variants }) => `  ${format.padEnd(6)} ${variants.join(', ')}`).join('\n')}
VHDX and Parallels images are read. Passphrases of encrypted images (qcow2 and luks) come from files, or are asked for.`,
  )
  command.hook('preAction', async (_, action) => unlock(media, action))

  add('info', '<file>', 'what an image is, and what it builds on').action((file: string, options: Common) =>
    show(media.info(file, sourceOf(options)), options),
  )

  withTarget(add('create', '<file>', 'make an empty disk'))
    .option('--size <N>', 'size of the disk; that of the backing file when absent')
    .action(async (file: string, options: Common & Target & { size?: string }) => {
      const size = options.size === undefined ? null : parseSize('--size', options.size)
      if (size === null && options.backing === undefined)
        throw new UsageError('--size: give the size of the disk')
      const target = await targetOf(file, options)
      await carryOut(media.create(file, size, target, sourceOf(options)))
      showMade(file, target, options)
    })

  withTarget(add('convert', '<in> <out>', 'copy a disk into a new image of another format or variant'))
    .option('--compress', 'compress the clusters (qcow2; vmdk of the variant stream always does)')
    .action(async (from: string, to: string, options: Common & Target) => {
      const target = await targetOf(to, options)
      await carryOut(media.convert(from, to, target, sourceOf(options)))
      showMade(to, target, options)
    })

  add('resize', '<file> <size>', 'give a disk another size')
    .option('--cut', 'the end of the disk may be lost')
    .action(async (file: string, size: string, options: Common & { cut?: boolean }) => {
      await carryOut(media.resize(file, parseSize('size', size), options.cut ?? false, sourceOf(options)))
      show(media.info(file, sourceOf(options)), options)
    })

  add('compact', '<file>', 'give back the space of clusters that are all zeros')
    .option('--compress', 'compress the clusters (qcow2, and vmdk of the variant stream)')
    .option('--free', 'give back what FAT volumes on it do not use, too')
    .action(async (file: string, options: Common & { compress?: boolean; free?: boolean }) => {
      const before = media.info(file, sourceOf(options)).storedBytes
      await carryOut(media.compact(file, options, sourceOf(options)))
      const info = media.info(file, sourceOf(options))
      if (!options.json) print(`${inBytes(before)} before, ${inBytes(info.storedBytes)} now`)
      else print(JSON.stringify({ ...info, storedBytesBefore: before }, null, 2))
    })

  add('check', '<file>', 'look for damage in an image')
    .option('--repair', 'mend what can be mended')
    .action(async (file: string, options: Common & { repair?: boolean }) => {
      const report = await carryOut(media.checking(file, options.repair ?? false, sourceOf(options)))
      const isSound = report.damage.length === 0 || report.repaired
      if (options.json) print(JSON.stringify({ path: file, ...report, sound: isSound }, null, 2))
      else {
        for (const line of report.damage) print(`${file}: ${line}${report.repaired ? ' (mended)' : ''}`)
        if (report.leakedBytes > 0)
          print(
            `${file}: ${inBytes(report.leakedBytes)} are used by nothing${report.repaired ? ' (given back)' : ''}`,
          )
        if (report.damage.length === 0) print(`${file}: no damage`)
      }
      if (!isSound) finish(1)
    })

  add('passphrase', '<file>', 'give an encrypted image another passphrase')
    .option('--new-secret-file <FILE>', 'file with the passphrase that it is to have')
    .action(async (file: string, options: Common & { newSecretFile?: string }) => {
      if (!options.keyring)
        throw new UsageError('--secret-file: give a file with the passphrase that the image has')
      const next = await newKeyring('--new-secret-file', options.newSecretFile)
      media.changePassphrase(file, options.keyring, next, sourceOf(options))
      show(media.info(file, sourceOf(options)), options)
    })

  addFileCommands(add, sourceOf)

  function add(name: string, args: string, summary: string): Command {
    return command
      .command(`${name} ${args}`)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
      .addOption(
        new Option('--from <FORMAT>', 'what the file is; told by its contents when absent').choices(READABLE),
      )
      .option(
        '--allow <FILE>',
        'a file outside of its folder that the image may build on; repeatable',
        collect,
      )
      .option('--secret-file <FILE>', 'file with the passphrase of an encrypted image')
      .option('--json', 'print JSON')
  }

  function showMade(path: string, { format }: TargetOptions, options: Common): void {
    const allowed = options.allow && { allowed: options.allow }
    show(media.info(path, { format, ...allowed }), options)
  }

  return command
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]

const withTarget = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--format <FORMAT>',
        "format of the new image; by its name's ending when absent, or raw",
      ).choices(MAKABLE.map(({ format }) => format)),
    )
    .option('--variant <NAME>', 'kind within the format')
    .option('--cluster <N>', 'size of the clusters (qcow2: 512 to 2M)')
    .option('--backing <FILE>', 'image that shows where the new one holds nothing')
    .addOption(new Option('--backing-format <FORMAT>', 'what the backing file is').choices(READABLE))
    .option('--encrypt', 'encrypt the new image (qcow2; luks always is)')
    .option('--new-secret-file <FILE>', 'file with the passphrase that it is to have')
    .option('--force', 'replace a file of the same name')

/** These look at what an image is, not at what is in it. */
const LOCKED = new Set(['info', 'check', 'create'])

/** Finds the passphrase of the image that a command is about: in a file, or by asking for it. */
async function unlock(media: Media, command: Command): Promise<void> {
  const options: Common = command.opts()
  const { secretFile } = options
  if (secretFile !== undefined)
    command.setOptionValue('keyring', new Keyring(readSecret('--secret-file', secretFile)))
  else if (canAsk() && !LOCKED.has(command.name()) && isEncrypted(media, command.args[0]!, options))
    command.setOptionValue('keyring', new Keyring(await askSecret('Passphrase: ')))
}

function isEncrypted(media: Media, path: string, options: Common): boolean {
  try {
    for (let layer: MediaInfo | null = media.info(path, sourceOf(options)); layer; layer = layer.backing)
      if (layer.encryption !== null) return true
  } catch {
    // The command itself says what is wrong with it.
  }
  return false
}

function sourceOf({ from, allow, keyring }: Common): SourceOptions {
  return { format: from, ...(allow && { allowed: allow }), ...(keyring && { keyring }) }
}

async function targetOf(path: string, options: Target): Promise<TargetOptions> {
  const { variant, cluster, backing, backingFormat, compress, force, encrypt, newSecretFile } = options
  const format = formatOf(path, options.format)
  const isEncrypted = encrypt || newSecretFile !== undefined || format === 'luks'
  return {
    format,
    keyring: isEncrypted ? await newKeyring('--new-secret-file', newSecretFile) : undefined,
    variant,
    clusterBytes: cluster === undefined ? undefined : parseSize('--cluster', cluster),
    backing: backing === undefined ? undefined : { path: backing, format: backingFormat },
    compress,
    replaces: force,
  }
}

function show(info: MediaInfo, { json }: Common): void {
  if (json) return print(JSON.stringify(info, null, 2))
  for (let layer: MediaInfo | null = info; layer; layer = layer.backing) {
    print(layer === info ? layer.path : `over ${layer.path}`)
    print(`  format    ${layer.format} (${layer.variant})`)
    print(`  disk      ${inBytes(layer.sizeBytes)} (${layer.sizeBytes} bytes)`)
    print(`  on host   ${inBytes(layer.storedBytes)}`)
    if (layer.encryption !== null) print(`  encrypted ${layer.encryption}`)
    if (layer.clusterBytes !== null) print(`  clusters  ${inBytes(layer.clusterBytes)}`)
    const part = layer.format === 'qcow2' ? 'data     ' : 'extent   '
    for (const file of layer.files.slice(1)) print(`  ${part} ${file}`)
    for (const { id, name, createdAt } of layer.snapshots)
      print(`  snapshot  ${id} ${name} (${new Date(createdAt * 1000).toISOString()})`)
  }
}
