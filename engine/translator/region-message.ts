import type { Decoder, Instruction } from '../isa/decoder.ts'
import type { RegionRequest } from './region-module.ts'
import type { Block, Region, RegionPage, Step } from './region.ts'

/** A request as it goes to another thread: instructions as the bytes that they are decoded from. */
export interface RegionMessage extends Omit<RegionRequest, 'region'> {
  readonly region: Omit<Region, 'blocks'>
  /** Blocks one after the other: see `packBlock`. */
  readonly words: Int32Array
  /** The bytes of their instructions, one after the other. */
  readonly code: Uint8Array
}

const BLOCK_WORDS = 6
const STEP_WORDS = 3

/** @param memory linear memory, which the code is in */
export function packRequest({ region, ...request }: RegionRequest, memory: Uint8Array): RegionMessage {
  const { blocks, ...rest } = region
  const words = blocks.flatMap(packBlock)
  const steps = blocks.flatMap((block) => block.steps)
  const code = new Uint8Array(steps.reduce((sum, { instruction }) => sum + instruction.length, 0))
  let at = 0
  for (const step of steps) {
    copyBytes(step, region.pages, memory, code.subarray(at, at + step.instruction.length))
    at += step.instruction.length
  }
  return { ...request, region: rest, words: Int32Array.from(words), code }
}

function packBlock({ steps, end, next, taken, returns, stop }: Block): number[] {
  return [
    ...[steps.length, end, next, taken, stop, returns.length],
    ...returns,
    ...steps.flatMap(({ offset, record, instruction }) => [offset, record, instruction.length]),
  ]
}

function copyBytes(
  { offset }: Step,
  pages: readonly RegionPage[],
  memory: Uint8Array,
  to: Uint8Array,
): void {
  for (let done = 0; done < to.length; ) {
    const at = offset + done
    const { hostPage, delta } = pages.find((page) => page.delta === (at & ~0xfff))!
    const piece = Math.min(to.length - done, delta + 4096 - at)
    const from = hostPage * 4096 + at - delta
    to.set(memory.subarray(from, from + piece), done)
    done += piece
  }
}

/** Null where the bytes are no longer those instructions: what changed them has made the region obsolete too. */
export function unpackRequest(message: RegionMessage, decoder: Decoder): RegionRequest | null {
  const { words, code, region, ...request } = message
  const blocks: Block[] = []
  let byte = 0
  for (let at = 0; at < words.length; ) {
    const [count, end, next, taken, stop, returnCount] = words.subarray(at, at + BLOCK_WORDS) as unknown as
      [number, number, number, number, number, number]
    at += BLOCK_WORDS
    const returns = [...words.subarray(at, at + returnCount)]
    at += returnCount
    const steps: Step[] = []
    for (let i = 0; i < count; i++, at += STEP_WORDS) {
      const length = words[at + 2]!
      const instruction: Instruction | string = decoder.decode(code, byte, byte + length, region.mode)
      if (typeof instruction === 'string' || instruction.length !== length) return null
      steps.push({ instruction, offset: words[at]!, record: words[at + 1]! })
      byte += length
    }
    blocks.push({ steps, end, next, taken, returns, stop })
  }
  return { ...request, region: { ...region, blocks } }
}
