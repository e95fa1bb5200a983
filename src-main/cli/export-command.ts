import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { inWords, type Reason } from '../../engine/protocol/reasons.ts'
import { type ExportKind, exportMachine, stemOf } from '../../engine/service/export/export-machine.ts'
import { EXPORT_KINDS } from '../../engine/protocol/media.ts'
import { asShellCommand, qemuCommand } from '../../engine/service/export/qemu-command.ts'
import { asJson } from '../../engine/protocol/as-json.ts'
import { openLibrary, print, whileLocked } from './library.ts'
import { carryOut } from './media-output.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  as: ExportKind | 'qemu'
  to?: string
  imagesIn?: string
  json?: boolean
}

/** `vitrine export`: a machine for another program. */
export function exportCommand(): Command {
  return new Command('export')
    .summary('give a machine to another program')
    .description(
      `Gives a machine to another program: as the command of qemu-system-i386 that runs it on the same images, or with copies of
its media as an OVA, an OVF package or a domain of libvirt with images in qcow2. What the other program does not have in
the same way is told on standard error. Do not run a machine on the same images in two programs at once.

  qemu      the command is printed; nothing is copied
  ova       one file, with disks as stream-optimised VMDK
  ovf       the same as a folder
  libvirt   a folder with the domain in XML, for virsh define`,
    )
    .argument('<id>')
    .addOption(new Option('--as <KIND>', 'what for').choices(['qemu', ...EXPORT_KINDS]).default('qemu'))
    .option('--to <PLACE>', "new file or folder; after the machine's name, in this folder, when absent")
    .option('--images-in <FOLDER>', 'where the images will lie on the host with libvirt')
    .option('--json', 'print JSON')
    .action((id: string, options: Options) =>
      options.as === 'qemu' ? asQemu(id, options) : asFiles(id, options.as, options),
    )
}

async function asQemu(id: string, { to, imagesIn, json }: Options): Promise<void> {
  if (to !== undefined) throw new UsageError('--to: a command is printed; put it into a file by your shell')
  if (imagesIn !== undefined) throw new UsageError('--images-in: it is for --as libvirt')
  const library = await openLibrary()
  const { name } = await library.get(id)
  const command = qemuCommand(name, await library.machineConfig(id))
  if (json) return print(asJson(command))
  tell(command.differences)
  print(asShellCommand(command.words))
}

async function asFiles(id: string, kind: ExportKind, { to, imagesIn, json }: Options): Promise<void> {
  if (imagesIn !== undefined && kind !== 'libvirt')
    throw new UsageError('--images-in: it is for --as libvirt')
  const library = await openLibrary()
  const { name, notes } = await library.get(id)
  const place = resolve(to ?? (kind === 'ova' ? `${stemOf(name)}.ova` : stemOf(name)))
  const exported = await whileLocked(library, id, async () =>
    carryOut(
      exportMachine(place, {
        kind,
        name,
        notes,
        config: await library.machineConfig(id),
        imageFolder: imagesIn,
        nowMs: Date.now(),
      }),
    ),
  )
  if (json) return print(asJson({ place, ...exported }))
  tell(exported.differences)
  print(place)
}

function tell(differences: readonly Reason[]): void {
  for (const line of differences) process.stderr.write(`vitrine: ${inWords(line)}\n`)
}
