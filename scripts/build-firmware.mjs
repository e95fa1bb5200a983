// Builds the ROM images from engine/firmware/rom into resources/firmware, where they are kept in the repository.
// With --check it only compares them with what the source gives. --nasm takes Debian's assembler in place of ours.
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { assembleFile } from './lib/assembler.mjs'
import { at } from './lib/steps.mjs'

const SOURCE = at('engine/firmware/rom')
const IMAGES = at('resources/firmware')
const check = process.argv.includes('--check')
const withNasm = process.argv.includes('--nasm')

const folder = mkdtempSync(join(tmpdir(), 'vitrine-firmware-'))
try {
  await writeIncludes()
  for (const [source, name, is8086] of [
    ['bios', 'bios', false],
    ['vgabios', 'vgabios', false],
    ['bios', 'bios-8086', true],
    ['vgabios', 'vgabios-8086', true],
  ]) {
    const output = join(folder, `${name}.bin`)
    const status = await assemble(join(SOURCE, `${source}.asm`), output, is8086)
    if (status !== 0) {
      process.exitCode = 1
      break
    }
    const image = readFileSync(output)
    // The bytes of an option ROM add up to nothing.
    if (source === 'vgabios') image[image.length - 1] = -image.reduce((sum, byte) => sum + byte, 0) & 0xff
    finish(join(IMAGES, `${name}.bin`), image)
  }
} finally {
  rmSync(folder, { recursive: true })
}

/** Fonts and tables, as assembler source. */
async function writeIncludes() {
  const bundle = join(folder, 'rom-data.mjs')
  await build({
    entryPoints: [join(SOURCE, 'rom-data.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    logLevel: 'error',
  })
  const { romIncludes } = await import(pathToFileURL(bundle).href)
  const drawing = (name) => readFileSync(at('engine/firmware/font', name), 'utf8')
  const fonts = {
    ascii16: drawing('ascii16.txt'),
    symbols16: drawing('symbols16.txt'),
    ascii8: drawing('ascii8.txt'),
  }
  for (const [name, text] of romIncludes(fonts)) writeFileSync(join(folder, name), text)
}

/** @param is8086 for processors of 16 bits: Debian's assembler then refuses the instructions of later ones */
function assemble(source, output, is8086) {
  if (!withNasm) return assembleFile(source, output, ['-I', folder, ...(is8086 ? ['-D', 'I8086=1'] : [])])
  const only8086 = is8086 ? ['-DI8086=1', '--before', 'cpu 8086'] : []
  const args = ['-f', 'bin', ...only8086, `-I${SOURCE}/`, `-I${folder}/`, '-o', output, source]
  return spawnSync('nasm', args, { stdio: 'inherit' }).status ?? 1
}

function finish(path, image) {
  if (!check) {
    mkdirSync(IMAGES, { recursive: true })
    writeFileSync(path, image)
    return
  }
  let kept
  try {
    kept = readFileSync(path)
  } catch {
    kept = Buffer.alloc(0)
  }
  if (kept.equals(image)) return
  console.error(`${path} is not what its source gives: run node scripts/build-firmware.mjs`)
  process.exitCode = 1
}
