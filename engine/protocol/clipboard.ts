import * as v from 'valibot'

/** Which way text may go between the clipboards of this computer and of the guest. */
export const CLIPBOARD_DIRECTIONS = ['off', 'to-guest', 'to-host', 'both'] as const
export const ClipboardDirection = v.picklist(CLIPBOARD_DIRECTIONS)
export type ClipboardDirection = v.InferOutput<typeof ClipboardDirection>

export const VmClipboard = v.strictObject({
  direction: v.optional(ClipboardDirection, 'off'),
  /** What is copied on one side goes to the other by itself, instead of by a menu only. */
  automatic: v.optional(v.boolean(), false),
})
export type VmClipboard = v.InferOutput<typeof VmClipboard>
export const USUAL_CLIPBOARD: VmClipboard = v.parse(VmClipboard, {})

/** What goes over at most, in bytes of UTF-8. */
export const MAX_CLIPBOARD_BYTES = 65_535

export const mayReachGuest = (direction: ClipboardDirection): boolean =>
  direction === 'to-guest' || direction === 'both'
export const mayReachHost = (direction: ClipboardDirection): boolean =>
  direction === 'to-host' || direction === 'both'

/**
 * What a guest copied, as text that can be pasted anywhere: up to the first zero byte, in UTF-8 or else in the code page of
 * Western Windows. Control characters, which make a terminal do things, are left out.
 */
export function textOfGuest(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  const used = end < 0 ? bytes : bytes.subarray(0, end)
  return decode(used).replaceAll(/[^\P{Cc}\t\n\r]/gu, '')
}

/** What bytes 80h to 9Fh are in the code page of Western Windows; the others are as in Latin-1. */
const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178'

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Array.from(bytes, (byte) => WINDOWS_1252[byte - 0x80] ?? String.fromCharCode(byte)).join('')
  }
}
