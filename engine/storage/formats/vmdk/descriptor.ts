import { randomBytes } from 'node:crypto'
import { because, technical } from '../../../protocol/reasons.ts'
import { unusable } from '../../host-file.ts'

/** The text that describes a VMDK. Source: VMware, "Virtual Disk Format 5.0", chapter 2. */
export interface VmdkDescriptor {
  /** Changes when the contents do: 8 hexadecimal digits. */
  contentId: string
  parentContentId: string | null
  parentName: string | null
  createType: string
  extents: ExtentLine[]
  /** Where the digits of `contentId` stand in the text. */
  contentIdAt: number
}

export interface ExtentLine {
  isReadonly: boolean
  sectors: number
  kind: 'flat' | 'sparse' | 'zero'
  /** Empty for a part that is all zeros. */
  name: string
  startSector: number
}

export const DESCRIPTOR_MARK = '# Disk DescriptorFile'
const NO_PARENT = 'ffffffff'
const MAX_EXTENTS = 4096

const KINDS: Record<string, ExtentLine['kind']> = {
  FLAT: 'flat',
  VMFS: 'flat',
  SPARSE: 'sparse',
  ZERO: 'zero',
}

/** Throws `file-unusable`. */
export function parseDescriptor(path: string, text: string): VmdkDescriptor {
  const wrong = (reason: string) =>
    unusable(path, because('descriptor-damaged', { format: 'VMDK', detail: technical(reason) }))
  const value = (name: string): string | null =>
    new RegExp(`^${name}[ \\t]*=[ \\t]*"?([^"\\r\\n]*?)"?[ \\t]*$`, 'mi').exec(text)?.[1] ?? null
  const contentId = value('CID')
  const contentIdAt = /^CID[ \t]*=[ \t]*/im.exec(text)
  if (contentId === null || !contentIdAt || !/^[0-9a-f]{1,8}$/i.test(contentId))
    throw wrong('its CID is missing')
  const extents = extentLines(text, wrong)
  if (extents.length === 0) throw wrong('it has no extents')
  const parentContentId = value('parentCID')?.toLowerCase() ?? NO_PARENT
  const hasParent = parentContentId !== NO_PARENT
  return {
    contentId: contentId.toLowerCase(),
    contentIdAt: contentIdAt.index + contentIdAt[0].length,
    parentContentId: hasParent ? parentContentId : null,
    parentName: hasParent ? (value('parentFileNameHint') ?? '') : null,
    createType: value('createType') ?? '',
    extents,
  }
}

function extentLines(text: string, wrong: (reason: string) => Error): ExtentLine[] {
  const extents: ExtentLine[] = []
  for (const line of text.split(/\r?\n/)) {
    const [, access, sectors, type, name = '', start = '0'] =
      /^[ \t]*(RW|RDONLY|NOACCESS)[ \t]+(\d{1,15})[ \t]+(\w+)(?:[ \t]+"([^"]*)"(?:[ \t]+(\d{1,15}))?)?/.exec(
        line,
      ) ?? []
    if (access === undefined || sectors === undefined || type === undefined) continue
    const kind = KINDS[type]
    if (!kind) throw wrong(`extents of type ${type.slice(0, 20)} are not supported`)
    if (kind !== 'zero' && name === '') throw wrong('an extent has no name')
    if (access === 'NOACCESS') throw wrong('an extent may not be accessed')
    extents.push({
      isReadonly: access !== 'RW',
      sectors: Number(sectors),
      kind,
      name,
      startSector: Number(start),
    })
    if (extents.length > MAX_EXTENTS) throw wrong(`it has more than ${MAX_EXTENTS} extents`)
  }
  return extents
}

/** Another id of as many digits, so that it can be written over the old one. */
export function newContentId(old = '00000000'): string {
  for (;;) {
    const id = randomBytes(4).toString('hex').slice(0, old.length)
    if (id !== NO_PARENT && id !== old) return id
  }
}

export interface NewDescriptor {
  createType: string
  sectors: number
  extents: readonly string[]
  parent: { contentId: string; name: string } | null
}

export function encodeDescriptor({ createType, sectors, extents, parent }: NewDescriptor): string {
  const cylinders = Math.min(16383, Math.max(1, Math.floor(sectors / (16 * 63))))
  return [
    DESCRIPTOR_MARK,
    'version=1',
    `CID=${newContentId()}`,
    `parentCID=${parent?.contentId ?? NO_PARENT}`,
    `createType="${createType}"`,
    ...(parent ? [`parentFileNameHint="${parent.name}"`] : []),
    '',
    '# Extent description',
    ...extents,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    'ddb.geometry.heads = "16"',
    'ddb.geometry.sectors = "63"',
    'ddb.adapterType = "ide"',
    '',
  ].join('\n')
}
