import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { NEW_OVERLAY } from '../../engine/protocol/disk-mode.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { type MachineConfig, withFiles } from '../../engine/protocol/machine-config.ts'
import type { Reason } from '../../engine/protocol/reasons.ts'
import { describeError } from '../../engine/protocol/rpc.ts'
import type { ShelfImage } from '../../engine/protocol/shelf.ts'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import type { Media, MediaInfo } from '../../engine/service/media/media.ts'
import { treeOf } from '../../engine/service/snapshots/tree.ts'

/** An image of the library, of a machine or of the user's. */
export interface KnownImage {
  readonly id: string
  readonly path: string
  readonly kind: ImageChoice['kind']
  /** It lies in the media folder, or was picked, or nobody has it. */
  readonly isLoose: boolean
  /** A file of a machine that it has no more. */
  readonly isLeft: boolean
  /** Files outside of its folder that it may build on, as its machine has them. */
  allowed: readonly string[]
  info: MediaInfo | null
  /** Why there is no `info`. */
  problem: Reason | null
  /** Names of the machines that have it in a drive, or whose disks build on it, by their ids. */
  readonly users: Map<string, string>
  /** Names of the snapshots that go back to it as it is. */
  readonly snapshots: Set<string>
  /** Name of the folder that it was made of. */
  madeOf: string | null
}

/** All images that are known, with what builds on what; made for one question and thrown away. */
export class KnownImages {
  /** By their places without symbolic links: a chain names its files so. */
  readonly #byPath = new Map<string, KnownImage>()

  /** Images that the user put on the shelf. */
  addLoose(id: string, path: string, kind: ImageChoice['kind']): void {
    this.#byPath.set(realPath(path), newImage(id, path, kind, true))
  }

  /** The drives of a machine, as it is and as its snapshots have them. @param folder where it lies */
  addMachine(id: string, record: VmRecord, folder: string): void {
    const absolute = (machine: MachineConfig): MachineConfig =>
      withFiles(machine, (path) => (isAbsolute(path) ? path : join(folder, path)))
    this.#addDrives(id, record.name, absolute(record.machine))
    for (const { name, machine } of treeOf(record).snapshots)
      this.#addDrives(id, record.name, absolute(machine), name)
  }

  /** Overlays in its folder that neither the machine nor its snapshots have any more, as a change of settings leaves them. */
  addLeftOverlays({ machine }: VmRecord, folder: string, names: readonly string[]): void {
    const allowed = machine.drives.flatMap(({ path }) => (path === null ? [] : [resolve(folder, path)]))
    for (const name of names) {
      const path = join(folder, name)
      if (!NEW_OVERLAY.test(name) || this.#byPath.has(realPath(path))) continue
      const image = { ...newImage(idOf('left', path), path, 'disk', true), isLeft: true, allowed }
      this.#byPath.set(realPath(path), image)
    }
  }

  /** @param snapshot name of the one that has these drives; not given for the machine as it is */
  #addDrives(id: string, name: string, { drives }: MachineConfig, snapshot?: string): void {
    for (const { kind, path, overlay, allowed = [] } of drives)
      for (const file of [path, overlay]) {
        if (file === null || file === undefined) continue
        const image = this.#named(file, kind)
        image.users.set(id, name)
        image.allowed = [
          ...new Set([...image.allowed, ...allowed, ...(file === overlay && path ? [path] : [])]),
        ]
        // Media that a machine only has in a drive belong to nobody's snapshot.
        if (snapshot !== undefined && kind === 'disk') image.snapshots.add(snapshot)
      }
  }

  #named(path: string, kind: ImageChoice['kind']): KnownImage {
    const known = this.#byPath.get(realPath(path))
    if (known) return known
    const image = newImage(idOf('file', path), path, kind, false)
    this.#byPath.set(realPath(path), image)
    return image
  }

  /** Looks into all of them. What one builds on is used by whom it is used, too. */
  look(media: Media): void {
    for (const image of this.all) {
      try {
        image.info = media.info(image.path, { allowed: image.allowed })
      } catch (error) {
        const { code, details } = describeError(error)
        if (code !== 'file-unusable') throw error
        image.problem = details.reason ?? null
        continue
      }
      this.#useParts(image, image.info)
      for (let below = image.info.backing; below; below = below.backing) {
        const lower = this.#named(below.path, 'disk')
        lower.info ??= below
        lower.problem = null
        for (const [id, name] of image.users) lower.users.set(id, name)
        this.#useParts(image, below)
      }
    }
  }

  /** What one image is made of is used by whom that is used. */
  #useParts({ users }: KnownImage, info: MediaInfo): void {
    for (const part of partsOf(info))
      for (const [id, name] of users) this.#byPath.get(realPath(part))?.users.set(id, name)
  }

  get all(): KnownImage[] {
    return [...this.#byPath.values()]
  }

  find(id: string): KnownImage | undefined {
    return this.all.find((image) => image.id === id)
  }

  /** Those right over an image, or whose data file or extent it is. */
  over({ path }: KnownImage): KnownImage[] {
    const place = realPath(path)
    return this.all.filter(
      ({ info }) =>
        info &&
        [...(info.backing ? [info.backing.path] : []), ...partsOf(info)].some(
          (one) => realPath(one) === place,
        ),
    )
  }

  shown(image: KnownImage): ShelfImage {
    const { id, path, kind, info, problem, users, isLoose } = image
    return {
      id,
      name: basename(path),
      kind,
      details: info && {
        format: info.format,
        variant: info.variant,
        sizeBytes: info.sizeBytes,
        storedBytes: info.storedBytes,
        isEncrypted: info.encryption !== null,
        snapshots: info.snapshots.map(({ name }) => name),
      },
      problem: info ? null : problem,
      below: (info?.backing && this.#byPath.get(realPath(info.backing.path))?.id) ?? null,
      users: [...users].map(([user, name]) => ({ id: user, name })),
      heldBy: [...image.snapshots],
      fixed: this.over(image).length > 0 ? 'below' : image.snapshots.size > 0 ? 'snapshot' : null,
      isLoose,
      madeOf: this.chainOf(image).find(({ madeOf }) => madeOf !== null)?.madeOf ?? null,
    }
  }

  /** An image and what it builds on, from itself down. */
  chainOf(image: KnownImage): KnownImage[] {
    const chain = [image]
    for (let below = image.info?.backing; below; below = below.backing) {
      const lower = this.#byPath.get(realPath(below.path))
      if (lower) chain.push(lower)
    }
    return chain
  }
}

/** Files with its contents besides the image's own: a data file, extents. */
const partsOf = ({ files }: MediaInfo): string[] => files.slice(1)

const idOf = (what: 'file' | 'left', path: string): string =>
  `${what}:${createHash('sha256').update(path).digest('hex').slice(0, 24)}`

/** What is not there keeps its name. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

const newImage = (id: string, path: string, kind: ImageChoice['kind'], isLoose: boolean): KnownImage => ({
  id,
  path,
  kind,
  isLoose,
  isLeft: false,
  allowed: [],
  info: null,
  problem: null,
  users: new Map(),
  snapshots: new Set(),
  madeOf: null,
})
