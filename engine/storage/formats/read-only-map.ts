import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../block-image.ts'
import type { HostFile } from '../host-file.ts'
import type { CheckReport } from './disk-image.ts'
import { ABSENT, type ClusterMap } from './mapped-image.ts'

/** The map of a format that is only read: where each cluster lies, known from the start. */
export class ReadOnlyMap implements ClusterMap {
  readonly crowded = false

  /**
   * @param locate position of a cluster, or `ABSENT`, `ZEROS` or `PACKED`
   * @param unpack fills a buffer with a cluster that is `PACKED`, where there are such
   */
  constructor(
    private readonly file: HostFile,
    readonly locate: (cluster: number) => number,
    readonly unpack: (cluster: number, into: Uint8Array) => void = () => {
      throw this.#refusal()
    },
  ) {}

  locateOwned(): number {
    return ABSENT
  }

  modified(): void {
    throw this.#refusal()
  }

  allocate(): number {
    throw this.#refusal()
  }

  assign(): void {
    throw this.#refusal()
  }

  abandon(): void {}

  commit(): void {}

  check(): CheckReport {
    return { damage: [], leakedBytes: 0, repaired: false }
  }

  #refusal(): DiskError {
    return new DiskError('readonly', this.file.path, because('own-format-only-read'))
  }
}
