import { type FontSources, makeFont } from '../font/font.ts'
import { parameterTable } from '../services/int10/modes.ts'

const BYTES_PER_LINE = 16
/** The part of the 8-line font that lies in the BIOS, as on the first PC. */
const LOW_HALF = 128 * 8

/** Bytes as assembler source. */
function define(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE)
    lines.push(`        db      ${Array.from(bytes.subarray(at, at + BYTES_PER_LINE)).join(', ')}`)
  return `${lines.join('\n')}\n`
}

/** The files that the ROM sources include and that are made rather than written, by name. */
export function romIncludes(fonts: FontSources): ReadonlyMap<string, string> {
  const font8 = makeFont(fonts, 8)
  return new Map([
    ['font8.inc', define(font8.subarray(0, LOW_HALF))],
    ['font8full.inc', define(font8)],
    ['font14.inc', define(makeFont(fonts, 14))],
    ['font16.inc', define(makeFont(fonts, 16))],
    ['vparams.inc', define(parameterTable())],
  ])
}
