import { writeModule } from '../wasm/module-writer.ts'
import type { FlagFlow } from './flag-flow.ts'
import { helperImport } from './helper-import.ts'
import { emitRegion } from './region-function.ts'
import type { Region } from './region.ts'

/** A region to be made for a head of the interpreter's records. */
export interface RegionRequest {
  /** Names the request in the answer. */
  readonly id: number
  readonly head: number
  readonly region: Region
  /** What MXCSR is like where the region is entered (see Exits). */
  readonly usualMxcsr: boolean
}

/** Functions of one module, one for each request. */
export interface RegionModule {
  readonly ids: readonly number[]
  readonly module: WebAssembly.Module
  readonly bytes: number
  readonly instructions: number
  /** Time that making it took, in ms. */
  readonly ms: number
}

/** Makes one module of regions, compiled as far as the host does that ahead of the first call. */
export function makeModule(requests: readonly RegionRequest[], flagFlow: FlagFlow): RegionModule {
  const began = performance.now()
  const helpers = new Map<string, number>()
  const helperIndex = (name: string): number => {
    let index = helpers.get(name)
    if (index === undefined) helpers.set(name, (index = helpers.size))
    return index
  }
  const functions = requests.map(({ head, region, usualMxcsr }) =>
    emitRegion(region, head, flagFlow, helperIndex, usualMxcsr),
  )
  const wasm = writeModule({
    imports: [...helpers.keys()].map(helperImport),
    functions,
    exports: new Map(functions.map((_, i) => [exportName(i), i])),
    names: requests.map(({ region }) => `region_${entryEip(region).toString(16)}`),
    memoryPages: [1, 65536],
  })
  return {
    ids: requests.map(({ id }) => id),
    module: new WebAssembly.Module(wasm),
    bytes: wasm.length,
    instructions: requests.reduce(
      (sum, { region }) => sum + region.blocks.reduce((n, { steps }) => n + steps.length, 0),
      0,
    ),
    ms: performance.now() - began,
  }
}

const entryEip = ({ eipBase, blocks }: Region): number => (eipBase + blocks[0]!.steps[0]!.offset) >>> 0

/** Name of the function of the request at a place in the list. */
export const exportName = (index: number): string => `r${index}`
