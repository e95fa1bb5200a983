import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import type { DiskImage } from '../../../engine/storage/formats/disk-image.ts'
import { EngineError } from '../../../engine/base/errors.ts'
import { Keyring } from '../../../engine/storage/formats/luks/keyring.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import type { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import { VhdxBytes } from '../../support/storage/vhdx.ts'
import { filesMadeBy, type ParserSubject, runIn, tolerant } from './subject.ts'

/** Images by qemu-img: format, options. */
const IMAGES: [format: string, options: string][] = [
  ['qcow2', 'cluster_size=4k'],
  ['qcow2', 'compat=0.10'],
  ['qcow2', 'cluster_size=512,refcount_bits=1'],
  ['qcow2', 'compression_type=zstd'],
  ['qcow2', 'extended_l2=on,cluster_size=16k'],
  ['qcow2', 'data_file=data'],
  ['qcow2', 'data_file=data,data_file_raw=on,extended_l2=on,cluster_size=16k'],
  ['vdi', 'static=off'],
  ['vpc', 'force_size=on'],
  ['vpc', 'subformat=fixed,force_size=on'],
  ['vmdk', 'subformat=monolithicSparse'],
  ['vmdk', 'subformat=streamOptimized'],
  ['vmdk', 'subformat=twoGbMaxExtentSparse'],
  ['vhdx', 'block_size=1M'],
  ['parallels', ''],
]

/** What damage may make a passphrase take to try is bounded; the bound is lower here, for the sake of the number of cases. */
const KEYRING = { newIterations: 1000, maxIterations: 10_000 }
const PASSPHRASE = 'a passphrase'

/** An encrypted image; QEMU's own take long to make, and the tests of interchange have shown that they are alike. */
function encryptedSeed(format: 'luks' | 'qcow2'): SimulatedDisk {
  const disk = new SimulatedDisk()
  const keyring = new Keyring(PASSPHRASE, KEYRING)
  createDisk(disk, '/seed/image', format, { sizeBytes: 3 * 1024 ** 2, encryption: keyring.newArea() })
  const image = openDisk(disk, '/seed/image', { format, writable: true, keyring })
  for (const [at, sectors] of [
    [0, 8],
    [2048, 400],
    [5800, 16],
  ] as const)
    image.write(at, sectors, new Uint8Array(sectors * 512).fill(at))
  image.flush()
  image.close()
  return disk
}

/** The files of one image, some of it written, and a backing file and a snapshot where there can be. */
function imageSeed(format: string, options: string): SimulatedDisk | null {
  return filesMadeBy((folder) => {
    const qemuImg = (...args: string[]) => runIn(folder, 'qemu-img', ...args)
    const isPacked = options.includes('stream') || options.includes('compression')
    const image = isPacked ? 'plain' : 'image'
    const [madeFormat, madeOptions] = isPacked ? ['raw', ''] : [format, options]
    const given = madeOptions ? ['-o', madeOptions] : []
    const hasDataFile = options.includes('data_file')
    if (madeFormat === 'qcow2' && !options.includes('data_file_raw')) {
      qemuImg('create', '-q', '-f', 'raw', 'base', '3M')
      qemuImg('create', '-q', '-f', 'qcow2', ...given, '-b', 'base', '-F', 'raw', image, '3M')
    } else qemuImg('create', '-q', '-f', madeFormat, ...given, image, '3M')
    const writes = ['write -P 1 0 4k', 'write -P 2 1M 200k', 'write -P 3 2900k 8k']
    runIn(folder, 'qemu-io', '-f', madeFormat, ...writes.flatMap((write) => ['-c', write]), image)
    if (madeFormat === 'qcow2' && !options.includes('refcount_bits=1') && !hasDataFile) {
      qemuImg('snapshot', '-c', 'one', image)
      runIn(folder, 'qemu-io', '-f', 'qcow2', '-c', 'write -P 4 1M 8k', image)
    }
    const how = format === 'qcow2' ? ['-c'] : []
    if (isPacked) qemuImg('convert', '-f', 'raw', '-O', format, ...how, '-o', options, image, 'image')
  })
}

/** Opens it, for writing every second time, and reads, writes and checks it. */
function useDisk(disk: SimulatedDisk, canBeWritten: boolean, random: Random): string {
  const writable = canBeWritten && random.chance(2)
  let image: DiskImage | null
  try {
    const keyring = new Keyring(PASSPHRASE, KEYRING)
    image = tolerant(() => openDisk(disk, '/seed/image', { format: 'auto', writable, keyring }))
  } catch (error) {
    if (error instanceof EngineError && error.code === 'passphrase-wrong') return 'wrong passphrase'
    throw error
  }
  if (!image) return 'refused'
  const opened = image
  const bytes = new Uint8Array(64 * 512)
  for (let step = 0; step < 6; step++) {
    const sector = step < 2 ? 0 : random.below(Math.min(opened.sectorCount, 2 ** 32))
    const count = Math.min(64, opened.sectorCount - sector)
    const part = bytes.subarray(0, count * 512)
    tolerant(() => opened.read(sector, count, part))
    tolerant(() => opened.extentAt(sector, count))
    if (writable) tolerant(() => opened.write(sector, count, part))
  }
  if (writable) tolerant(() => opened.flush())
  tolerant(() => opened.check(writable))
  tolerant(() => opened.close())
  return 'opened'
}

const diskSubject = (
  name: string,
  canBeWritten: boolean,
  seed: () => SimulatedDisk | null,
): ParserSubject => ({
  name,
  path: '/seed/image',
  seed,
  use: (disk, random) => useDisk(disk, canBeWritten, random),
})

/** One that was not closed, and one over another, as QEMU makes neither. */
function vhdxSeed(change: (above: VhdxBytes, below: VhdxBytes) => void): SimulatedDisk | null {
  const disk = filesMadeBy((folder) => {
    for (const [name, value] of [
      ['below.vhdx', 1],
      ['image', 2],
    ] as const) {
      runIn(folder, 'qemu-img', 'create', '-q', '-f', 'vhdx', '-o', 'block_size=1M', name, '3M')
      runIn(folder, 'qemu-io', '-f', 'vhdx', '-c', `write -P ${value} 0 2M`, name)
    }
  })
  if (!disk) return null
  const above = new VhdxBytes(Buffer.from(disk.take('/seed/image')))
  change(above, new VhdxBytes(Buffer.from(disk.take('/seed/below.vhdx'))))
  disk.put('/seed/image', above.bytes)
  return disk
}

const withLog = (): SimulatedDisk | null =>
  vhdxSeed((above) => {
    const guid = Buffer.from('0123456789abcdef')
    const at = above.blockPosition(0)
    above.putEntry(0, 0, 7, guid, [
      { at, bytes: Buffer.alloc(4096, 5) },
      { at: at + 65536, zeros: 8192 },
    ])
    above.setLogGuid(guid)
  })

const overAnother = (): SimulatedDisk | null =>
  vhdxSeed((above, below) => {
    const names = { relative_path: '.\\below.vhdx', absolute_win32_path: 'C:\\a\\below.vhdx' }
    above.makeDifferencing(below.dataGuid, names, 0, (sector) => sector % 3 === 0)
  })

export const DISKS: readonly ParserSubject[] = [
  ...IMAGES.map(([format, options]) =>
    diskSubject(`${format} ${options}`.trim(), format !== 'vhdx' && format !== 'parallels', () =>
      imageSeed(format, options),
    ),
  ),
  diskSubject('vhdx with a log', false, withLog),
  diskSubject('vhdx differencing', false, overAnother),
  diskSubject('luks', true, () => encryptedSeed('luks')),
  diskSubject('qcow2 encrypted', true, () => encryptedSeed('qcow2')),
]
