import { readdir, rm } from 'node:fs/promises'
import { extname } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { type CallHandlers, RpcError } from '../../engine/protocol/rpc.ts'
import { MADE_FORMATS, type MadeFormat } from '../../engine/protocol/shelf.ts'
import { Keyring, Media, type SourceOptions } from '../../engine/service/media/media.ts'
import { readBaseline, removeBaseline } from './folder-baselines.ts'
import type { Images } from './images.ts'
import { inTurns } from './in-turns.ts'
import { type KnownImage, KnownImages } from './known-images.ts'
import type { VmLibrary } from './library.ts'

export type ShelfCall =
  | 'shelf'
  | 'makeImage'
  | 'convertImage'
  | 'resizeImage'
  | 'compactImage'
  | 'checkImage'
  | 'changePassphrase'
  | 'removeImage'

const MIB = 2 ** 20
const ENDINGS: Record<MadeFormat, string> = {
  qcow2: '.qcow2',
  raw: '.img',
  vdi: '.vdi',
  vmdk: '.vmdk',
  vhd: '.vhd',
  luks: '.luks',
}

/** What the desk needs of the host that it belongs to. */
interface Host {
  /** Throws `vm-busy` unless the machine is off and has no saved state, whose disks must stay as they are. */
  checkAtRest(id: string): Promise<void>
  /** Does something with the disks of a machine that is off, and nobody else does meanwhile. Throws `vm-busy`. */
  whileOff<T>(id: string, work: () => Promise<T>): Promise<T>
}

/** Answers the media manager: which images there are, what builds on what, and work on them. */
export class ShelfDesk {
  readonly #media = new Media()

  constructor(
    private readonly images: Images,
    private readonly library: VmLibrary,
    private readonly host: Host,
  ) {}

  readonly calls: Pick<CallHandlers<HostContract>, ShelfCall> = {
    shelf: async () => {
      const known = await this.#known()
      return known.all.map((image) => known.shown(image)).toSorted((a, b) => a.name.localeCompare(b.name))
    },
    makeImage: async ({ name, sizeMiB, below, secret, newSecret, ...kind }, { signal, progress }) => {
      const backing = below === null ? undefined : { path: (await this.#inMediaFolder(below)).path }
      const target = { ...targetOf(kind), backing, keyring: ringOf(newSecret) }
      const size = sizeMiB === null ? null : sizeMiB * MIB
      return this.images.make(fileName(name, kind.format), (path) =>
        inTurns(this.#media.create(path, size, target, { keyring: ringOf(secret) }), signal, progress),
      )
    },
    convertImage: async ({ image, name, compress, secret, newSecret, ...kind }, { signal, progress }) => {
      const { path: from, allowed } = await this.#find(image)
      const target = { ...targetOf(kind), compress, keyring: ringOf(newSecret) }
      const options = { allowed, keyring: ringOf(secret) }
      return this.images.make(fileName(name, kind.format), (path) =>
        inTurns(this.#media.convert(from, path, target, options), signal, progress),
      )
    },
    resizeImage: async ({ image, sizeMiB, mayCut, secret }, { signal, progress }) =>
      this.#change(image, ({ path, allowed }) =>
        inTurns(
          this.#media.resize(path, sizeMiB * MIB, mayCut, { allowed, keyring: ringOf(secret) }),
          signal,
          progress,
        ),
      ),
    compactImage: async ({ image, free, compress, secret }, { signal, progress }) =>
      this.#change(image, async ({ path, allowed }) => {
        const stored = (): number => this.#media.info(path, { allowed }).storedBytes
        const before = stored()
        const options = { allowed, keyring: ringOf(secret) }
        await inTurns(this.#media.compact(path, { free, compress }, options), signal, progress)
        return { before, after: stored() }
      }),
    checkImage: async ({ image, repair }, { signal, progress }) => {
      const check = ({ path, allowed }: KnownImage) =>
        inTurns(this.#media.checking(path, repair, { allowed }), signal, progress)
      return repair ? this.#change(image, check) : check(await this.#find(image))
    },
    changePassphrase: async ({ image, secret, newSecret }) =>
      this.#change(image, async ({ path, allowed }) =>
        this.#media.changePassphrase(path, new Keyring(secret), new Keyring(newSecret), { allowed }),
      ),
    removeImage: async ({ image }) => {
      const known = await this.#known(image)
      const one = find(known, image)
      const [user] = one.users.values()
      if (!one.isLoose || user !== undefined)
        throw new RpcError('image-fixed', { name: fileOf(one), why: 'used', by: user ?? '' })
      checkFree(known, one)
      if (image.startsWith('media:') || one.isLeft) {
        await rm(one.path)
        await removeBaseline(one.path)
      } else await this.images.forget(image)
    },
  }

  /** An image and what it builds on, from itself down. Throws `image-unknown`. */
  async chainOf(id: string): Promise<{ path: string; options: SourceOptions; chain: string[] }> {
    const known = await this.#known()
    const image = find(known, id)
    const { path, allowed } = image
    return { path, options: { allowed }, chain: known.chainOf(image).map((one) => one.path) }
  }

  /** @param also a file of the media folder that is no medium, and therefore not on the list of images */
  async #known(also?: string): Promise<KnownImages> {
    const known = new KnownImages()
    const ids = new Set((await this.images.list()).map(({ id }) => id))
    if (also?.startsWith('media:') && (await this.images.placeOf(also)) !== null) ids.add(also)
    for (const id of ids) {
      const { path, kind } = await this.images.find(id)
      known.addLoose(id, path, kind)
    }
    for (const entry of await this.library.list()) {
      if (!('record' in entry)) continue
      const folder = this.library.folderOf(entry.id)
      known.addMachine(entry.id, entry.record, folder)
      known.addLeftOverlays(entry.record, folder, await readdir(folder))
    }
    known.look(this.#media)
    for (const image of known.all) image.madeOf = (await readBaseline(image.path))?.folder ?? null
    return known
  }

  /** Throws `image-unknown`. */
  async #find(id: string): Promise<KnownImage> {
    return find(await this.#known(), id)
  }

  /** What another can build on: beside it, so that it needs no leave to. */
  async #inMediaFolder(id: string): Promise<KnownImage> {
    if (!id.startsWith('media:'))
      throw new RpcError('bad-request', {
        name: 'below',
        reason: because('not-in-media-folder'),
      })
    return this.#find(id)
  }

  /** Changes an image in place. Throws `image-fixed` and `vm-busy`. */
  async #change<T>(id: string, work: (image: KnownImage) => Promise<T>): Promise<T> {
    const known = await this.#known()
    const image = find(known, id)
    checkFree(known, image)
    const users = [...image.users.keys()]
    for (const user of users) await this.host.checkAtRest(user)
    // All of its machines stay off meanwhile.
    const held = users.reduceRight(
      (inner: () => Promise<T>, user) => () => this.host.whileOff(user, inner),
      () => work(image),
    )
    return held()
  }
}

/** Throws `image-unknown`. */
function find(known: KnownImages, id: string): KnownImage {
  const image = known.find(id)
  if (!image) throw new RpcError('image-unknown', { id })
  return image
}

/** Throws `image-fixed` for what others build on, or a snapshot holds. */
function checkFree(known: KnownImages, image: KnownImage): void {
  const [over] = known.over(image)
  if (over) throw new RpcError('image-fixed', { name: fileOf(image), why: 'below', by: fileOf(over) })
  if (image.snapshots.size > 0)
    throw new RpcError('image-fixed', {
      name: fileOf(image),
      why: 'snapshot',
      by: [...image.users.values()].join(', '),
    })
}

const fileOf = ({ path }: KnownImage): string => path.split(/[\\/]/).at(-1)!

const ringOf = (secret: string | null): Keyring | undefined =>
  secret === null ? undefined : new Keyring(secret)

/** Throws `bad-request` for a kind that the format does not have. */
function targetOf({ format, variant }: { format: MadeFormat; variant?: string | undefined }) {
  const known: readonly string[] = MADE_FORMATS[format]
  if (variant !== undefined && !known.includes(variant))
    throw new RpcError('bad-request', {
      name: 'variant',
      reason: because('no-such-variant', { format, variant }),
    })
  return { format, variant }
}

/** A name with the ending of its format. */
const fileName = (name: string, format: MadeFormat): string =>
  extname(name).toLowerCase() === ENDINGS[format] ? name : `${name}${ENDINGS[format]}`
