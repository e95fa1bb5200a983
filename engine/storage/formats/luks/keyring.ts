import { pbkdf2Sync, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { EngineError } from '../../../base/errors.ts'
import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import { unusable } from '../../host-file.ts'
import { mergeKey, splitKey } from './anti-forensic.ts'
import {
  encodeLuksHeader,
  type KeySlot,
  LUKS_DIGEST_BYTES,
  LUKS_SALT_BYTES,
  LUKS_STRIPES,
  type LuksHash,
  type LuksHeader,
  newLuksLayout,
} from './header.ts'
import { sectorCipher } from './sector-cipher.ts'

/** What a header may ask for at most to find out whether a passphrase is right: about half a minute of a processor. */
const MAX_ITERATIONS = 2 ** 26
/** How long it takes to try a passphrase on an image that is made here, on this computer. */
const TRY_MS = 1000
const LEAST_ITERATIONS = 100_000
const MEASURED_ITERATIONS = 20_000

const NEW_KEY_BYTES = 64
const NEW_MODE = 'xts-plain64'
const NEW_HASH: LuksHash = 'sha256'

interface KeyringOptions {
  /** What a header may ask for, in iterations of PBKDF2 over all that is tried. */
  maxIterations?: number
  /** What images made with it ask for; as many as take a second when absent. */
  newIterations?: number
}

/** Passphrases, and the keys of images that they have opened already. New images take the first one. */
export class Keyring {
  readonly #keys = new Map<string, Uint8Array>()
  readonly #passphrases: readonly Uint8Array[]
  readonly #options: KeyringOptions

  constructor(passphrases: string | readonly string[], options: KeyringOptions = {}) {
    this.#passphrases = [passphrases].flat().map((text) => Buffer.from(text, 'utf8'))
    this.#options = options
  }

  /**
   * The key of a volume. Throws `passphrase-wrong`, and `file-unusable` for a header that asks for too much.
   * @param read fills a buffer from a position of the header on
   */
  keyOf(path: string, header: LuksHeader, read: ReadHeader): Uint8Array {
    const name = nameOf(header)
    const known = this.#keys.get(name)
    if (known?.length === header.keyBytes) return known
    const { key } = this.open(path, header, read)
    this.#keys.set(name, key)
    return key
  }

  /** The same with the slot that was opened. */
  open(path: string, header: LuksHeader, read: ReadHeader): { key: Uint8Array; slot: KeySlot } {
    const { slots, keyBytes, hash, digestIterations } = header
    const once = slots.reduce((sum, { iterations }) => sum + iterations + digestIterations, 0)
    const asked = once * this.#passphrases.length
    if (asked > (this.#options.maxIterations ?? MAX_ITERATIONS))
      throw unusable(path, because('luks-iterations', { count: asked }))
    for (const [slot, passphrase] of slots.flatMap((one) =>
      this.#passphrases.map((text) => [one, text] as const),
    )) {
      const material = new Uint8Array(keyBytes * LUKS_STRIPES)
      read(slot.position, material)
      const lock = pbkdf2Sync(passphrase, slot.salt, slot.iterations, keyBytes, hash)
      sectorCipher(header.mode, lock).decrypt(material, 0)
      const key = mergeKey(material, LUKS_STRIPES, hash)
      if (timingSafeEqual(digestOf(key, header), header.digest)) return { key, slot }
    }
    throw new EngineError('passphrase-wrong', { path })
  }

  /** A volume's key under the first passphrase, as a slot keeps it. */
  lock(
    key: Uint8Array,
    { mode, hash }: Pick<LuksHeader, 'mode' | 'hash'>,
    iterations = this.#newIterations,
  ): { salt: Uint8Array; iterations: number; material: Uint8Array } {
    const salt = randomBytes(LUKS_SALT_BYTES)
    const material = splitKey(key, LUKS_STRIPES, hash)
    const lock = pbkdf2Sync(this.#passphrases[0]!, salt, iterations, key.length, hash)
    sectorCipher(mode, lock).encrypt(material, 0)
    return { salt, iterations, material }
  }

  get #newIterations(): number {
    return this.#options.newIterations ?? iterationsIn(TRY_MS)
  }

  /** Header and keys of a new volume that this passphrase opens. */
  newArea(): { header: LuksHeader; area: Uint8Array } {
    const { slotPositions, payloadPosition } = newLuksLayout(NEW_KEY_BYTES)
    const key = randomBytes(NEW_KEY_BYTES)
    const { material, ...lock } = this.lock(key, { mode: NEW_MODE, hash: NEW_HASH })
    const slot = { index: 0, position: slotPositions[0]!, ...lock }
    const header: LuksHeader = {
      mode: NEW_MODE,
      hash: NEW_HASH,
      keyBytes: NEW_KEY_BYTES,
      payloadPosition,
      digest: new Uint8Array(LUKS_DIGEST_BYTES),
      digestSalt: randomBytes(LUKS_SALT_BYTES),
      digestIterations: Math.ceil(lock.iterations / 8),
      uuid: randomUUID(),
      slots: [slot],
    }
    header.digest = digestOf(key, header)
    const area = new Uint8Array(payloadPosition)
    area.set(encodeLuksHeader(header))
    area.set(material, slot.position)
    this.#keys.set(nameOf(header), key)
    return { header, area }
  }
}

/** Fills a buffer from a position of a header on. */
type ReadHeader = (position: number, into: Uint8Array) => void

const nameOf = ({ digest, digestSalt }: LuksHeader): string =>
  Buffer.concat([digest, digestSalt]).toString('hex')

const digestOf = (key: Uint8Array, { digestSalt, digestIterations, hash }: LuksHeader): Uint8Array =>
  pbkdf2Sync(key, digestSalt, digestIterations, LUKS_DIGEST_BYTES, hash)

/** How many iterations for a new key take so long here. */
function iterationsIn(ms: number): number {
  const began = performance.now()
  pbkdf2Sync('measured', 'salt', MEASURED_ITERATIONS, NEW_KEY_BYTES, NEW_HASH)
  const each = (performance.now() - began) / MEASURED_ITERATIONS
  return Math.max(LEAST_ITERATIONS, Math.min(MAX_ITERATIONS / 4, Math.round(ms / each)))
}

/** What a read of an encrypted image without its passphrase ends in. */
export const lockedError = (path: string): DiskError =>
  new DiskError('io', path, because('passphrase-not-given'))
