import { writeModule } from '../wasm/module-writer.ts'
import type { FlagFlow } from './flag-flow.ts'
import { helperImport } from './helper-import.ts'
import { type RegionOptions, emitRegion } from './region-function.ts'
import type { Region } from './region.ts'

/** A region for a head of the interpreter's records. */
export interface NewRegion {
  readonly head: number
  readonly region: Region
}

/** Makes one module of some regions; it exports their functions by their indices. */
export function makeRegions(
  regions: readonly NewRegion[],
  flagFlow: FlagFlow,
  options: RegionOptions,
): { module: WebAssembly.Module; bytes: number } {
  const helpers = new Map<string, number>()
  const helperIndex = (name: string): number => {
    let index = helpers.get(name)
    if (index === undefined) helpers.set(name, (index = helpers.size))
    return index
  }
  const functions = regions.map(({ region, head }) =>
    emitRegion(region, head, flagFlow, helperIndex, options),
  )
  const wasm = writeModule({
    imports: [...helpers.keys()].map(helperImport),
    functions,
    exports: new Map(functions.map((_, i) => [String(i), i])),
    names: regions.map(({ region }) => `region_${entryEip(region).toString(16)}`),
    memoryPages: [1, 65536],
  })
  return { module: new WebAssembly.Module(wasm), bytes: wasm.length }
}

const entryEip = ({ eipBase, blocks }: Region): number => (eipBase + blocks[0]!.steps[0]!.offset) >>> 0
