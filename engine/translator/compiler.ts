import { FlagFlow } from './flag-flow.ts'
import { type RegionModule, type RegionRequest, makeModule } from './region-module.ts'

/** Makes regions, at once or in time. */
export interface RegionCompiler {
  /** False while it has enough to do. */
  readonly takesMore: boolean
  submit(request: RegionRequest): void
  /** What has been made since it was asked last. */
  finished(): RegionModule[]
  close(): void
}

/** Makes each region when it is asked for. */
export class InlineCompiler implements RegionCompiler {
  readonly takesMore = true
  readonly #flagFlow = new FlagFlow()
  #done: RegionModule[] = []

  submit(request: RegionRequest): void {
    this.#done.push(makeModule([request], this.#flagFlow))
  }

  finished(): RegionModule[] {
    return this.#done.splice(0)
  }

  close(): void {}
}
