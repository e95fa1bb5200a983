import { readFileSync, statSync } from 'node:fs'
import { assembleFile } from './assembler.mjs'
import { at } from './steps.mjs'

const SOURCE = at('guests/diagnostic/diagnostic.asm')
const IMAGE = at('out/guests/diagnostic.img')
const FLOPPY_BYTES = 1_474_560

/** Assembles the demo guest, which is a whole floppy image: boot sector, program, zeros. */
export async function buildDemoGuest() {
  const status = await assembleFile(SOURCE, IMAGE)
  if (status !== 0) return status
  const bytes = readFileSync(IMAGE)
  if (statSync(IMAGE).size === FLOPPY_BYTES && bytes.readUInt16LE(510) === 0xaa55) return 0
  console.error(`${IMAGE} is not a bootable 1.44 MB floppy`)
  return 1
}
