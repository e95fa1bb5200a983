import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import { viewOf } from '../fields.ts'

/** The parents of a VHDX are files of the same format. */
const OF_VHDX = 'b7ef4ab09ed1814ab78925b8e9445913'
const ENTRY_BYTES = 12
const MAX_ENTRIES = 64
/** Where it may be, the likeliest first. */
const PATHS = ['relative_path', 'absolute_win32_path', 'volume_path']

/** What a differencing disk says of the one that it was made over. */
export interface ParentLocator {
  /** That one's `identity`, of when it was written last. */
  linkage: string
  /** Its names, with slashes. */
  names: readonly string[]
}

/** A GUID as text has it, from its bytes in a file. */
export function guidText(bytes: Uint8Array): string {
  const view = viewOf(bytes)
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
  const rest = Buffer.from(bytes.subarray(8, 16)).toString('hex')
  const [first, second, third] = [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true)]
  return `${hex(first, 8)}-${hex(second, 4)}-${hex(third, 4)}-${rest.slice(0, 4)}-${rest.slice(4)}`
}

/** Throws `file-unusable`. @see [MS-VHDX] 2.6.2.6, "Parent Locator" */
export function readParentLocator(file: HostFile, item: Uint8Array): ParentLocator {
  const damaged = () => damagedImage(file.path, 'VHDX', 'what it says of its parent is damaged')
  if (item.length < 20) throw damaged()
  const view = viewOf(item)
  if (Buffer.from(item.subarray(0, 16)).toString('hex') !== OF_VHDX)
    throw unusable(file.path, because('parent-kind-unknown'))
  const count = view.getUint16(18, true)
  if (count > MAX_ENTRIES || 20 + count * ENTRY_BYTES > item.length) throw damaged()
  const text = (offset: number, length: number): string => {
    if (offset + length > item.length) throw damaged()
    return Buffer.from(item.subarray(offset, offset + length)).toString('utf16le')
  }
  const values = new Map<string, string>()
  for (let at = 20; at < 20 + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    const key = text(view.getUint32(at, true), view.getUint16(at + 8, true))
    values.set(key, text(view.getUint32(at + 4, true), view.getUint16(at + 10, true)))
  }
  const linkage = values
    .get('parent_linkage')
    ?.replace(/^\{|\}$/g, '')
    .toLowerCase()
  if (linkage === undefined) throw damaged()
  const names = PATHS.flatMap((key) => values.get(key) ?? []).map((name) => name.replaceAll('\\', '/'))
  return { linkage, names }
}
