import { because } from '../../../protocol/reasons.ts'
import type { ByteWindow } from '../byte-window.ts'
import { unusable } from '../../host-file.ts'
import { damaged } from '../volume.ts'

const SUPERBLOCK = 1024
const MAGIC = 0xef53
const COMPAT_JOURNAL = 0x4
const INCOMPAT = {
  compression: 0x1,
  fileType: 0x2,
  recover: 0x4,
  journalDevice: 0x8,
  metaGroups: 0x10,
  extents: 0x40,
  wide: 0x80,
  flexGroups: 0x200,
} as const
/** Features that change where things are in ways that are not known here. */
const UNKNOWN = {
  [INCOMPAT.compression]: 'compression',
  [INCOMPAT.journalDevice]: 'a journal device',
  [INCOMPAT.metaGroups]: 'meta block groups',
}
/** Features of ext4 that set it apart from ext3. */
const EXT4 = INCOMPAT.extents | INCOMPAT.wide | INCOMPAT.flexGroups

/** What reading needs of a superblock. */
export interface ExtLayout {
  readonly kind: 'ext2' | 'ext3' | 'ext4'
  readonly label: string
  readonly blockBytes: number
  readonly blockCount: number
  readonly inodeCount: number
  readonly inodesPerGroup: number
  readonly inodeBytes: number
  readonly groupsStart: number
  readonly groupBytes: number
}

/**
 * The superblock of an ext2, ext3 or ext4 volume; null for what is none. Throws `file-unusable` for one that cannot be read.
 * @see Linux Documentation/filesystems/ext4/super.rst
 */
export function extLayout(volume: ByteWindow): ExtLayout | null {
  if (volume.sizeBytes < SUPERBLOCK + 1024) return null
  const view = volume.view(SUPERBLOCK, 1024)
  if (view.getUint16(56, true) !== MAGIC) return null
  const incompat = view.getUint32(76, true) > 0 ? view.getUint32(96, true) : 0
  for (const [bit, name] of Object.entries(UNKNOWN))
    if (incompat & Number(bit)) throw unusable(volume.name, because('file-system-feature', { name }))
  const isWide = (incompat & INCOMPAT.wide) !== 0
  const blockBytes = 1024 << view.getUint32(24, true)
  const layout = {
    kind: incompat & EXT4 ? 'ext4' : view.getUint32(92, true) & COMPAT_JOURNAL ? 'ext3' : 'ext2',
    label: new TextDecoder().decode(volume.read(SUPERBLOCK + 120, 16)).replace(/\0.*$/s, ''),
    blockBytes,
    blockCount: view.getUint32(4, true) + (isWide ? view.getUint32(0x150, true) * 2 ** 32 : 0),
    inodeCount: view.getUint32(0, true),
    inodesPerGroup: view.getUint32(40, true),
    inodeBytes: view.getUint32(76, true) > 0 ? view.getUint16(88, true) : 128,
    groupsStart: (view.getUint32(20, true) + 1) * blockBytes,
    groupBytes: isWide ? Math.max(32, view.getUint16(254, true)) : 32,
  } as const
  const isSound =
    view.getUint32(24, true) <= 6 &&
    layout.inodesPerGroup > 0 &&
    layout.inodeBytes >= 128 &&
    layout.inodeBytes <= blockBytes &&
    layout.groupBytes <= 1024
  if (!isSound) throw damaged(volume.name, 'its superblock')
  return layout
}
