import { type Cipheriv, createCipheriv, createDecipheriv, createHash, type Decipheriv } from 'node:crypto'
import { PIECE_BYTES, XtsMasks } from './xts-masks.ts'

const SECTOR = 512
const BLOCK = 16

/** How an encrypted volume turns a sector into what lies on the disk; sectors are told apart by their number. */
export interface SectorCipher {
  /** In place. @param bytes whole sectors, the first of which has this number */
  encrypt(bytes: Uint8Array, sector: number): void
  /** In place. */
  decrypt(bytes: Uint8Array, sector: number): void
}

/** The modes that are known, as LUKS calls them; the hash of `essiv` follows after a colon. */
const MODES = /^(xts|cbc)-(plain|plain64|essiv:(?:sha1|sha256|sha512))$/

/** Whether there is such a cipher. @param keyBytes the whole key; XTS has one in each half */
export function isKnownCipher(name: string, mode: string, keyBytes: number): boolean {
  const [, chaining, vector = ''] = MODES.exec(mode) ?? []
  const lengths = chaining === 'xts' ? [32, 64] : chaining === 'cbc' ? [16, 24, 32] : []
  const hash = vector.split(':')[1]
  // The hash of the key is a key of AES itself.
  return name === 'aes' && lengths.includes(keyBytes) && (hash === undefined || hash === 'sha256')
}

/** @param mode one that `isKnownCipher` knows */
export function sectorCipher(mode: string, key: Uint8Array): SectorCipher {
  const [, chaining, vector = ''] = MODES.exec(mode) ?? []
  const numberOf = vectorOf(vector, key)
  return chaining === 'xts' ? new Xts(key, numberOf) : new Cbc(key, numberOf)
}

/** Writes the initial vectors of `count` sectors one after the other. */
type Vectors = (sector: number, count: number) => Uint8Array

function vectorOf(name: string, key: Uint8Array): Vectors {
  const plain: Vectors = (sector, count) => {
    const vectors = new Uint8Array(count * BLOCK)
    const view = new DataView(vectors.buffer)
    for (let index = 0; index < count; index++) {
      view.setUint32(index * BLOCK, (sector + index) % 2 ** 32, true)
      if (name !== 'plain') view.setUint32(index * BLOCK + 4, Math.floor((sector + index) / 2 ** 32), true)
    }
    return vectors
  }
  if (!name.startsWith('essiv')) return plain
  const hashed = ecb(createHash(name.slice('essiv:'.length)).update(key).digest(), 'encrypt')
  return (sector, count) => hashed.update(plain(sector, count))
}

/** AES of single blocks, which goes on for ever. */
function ecb(key: Uint8Array, way: 'encrypt' | 'decrypt'): Cipheriv | Decipheriv {
  const name = `aes-${key.length * 8}-ecb`
  const cipher = way === 'encrypt' ? createCipheriv(name, key, null) : createDecipheriv(name, key, null)
  cipher.setAutoPadding(false)
  return cipher
}

/**
 * AES-XTS, IEEE 1619. A cipher for each sector would take longer to set up than to use, so the blocks of many sectors
 * go through one in ECB mode, and what makes them differ is put over them before and after.
 */
class Xts implements SectorCipher {
  readonly #encrypts: Cipheriv | Decipheriv
  readonly #decrypts: Cipheriv | Decipheriv
  readonly #tweaks: Cipheriv | Decipheriv
  readonly #masks = new XtsMasks()

  constructor(
    key: Uint8Array,
    private readonly vectors: Vectors,
  ) {
    const half = key.length / 2
    this.#encrypts = ecb(key.subarray(0, half), 'encrypt')
    this.#decrypts = ecb(key.subarray(0, half), 'decrypt')
    this.#tweaks = ecb(key.subarray(half), 'encrypt')
  }

  encrypt(bytes: Uint8Array, sector: number): void {
    this.#run(this.#encrypts, bytes, sector)
  }

  decrypt(bytes: Uint8Array, sector: number): void {
    this.#run(this.#decrypts, bytes, sector)
  }

  #run(cipher: Cipheriv | Decipheriv, bytes: Uint8Array, sector: number): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const part = bytes.subarray(at, at + PIECE_BYTES)
      const numbers = this.vectors(sector + at / SECTOR, part.length / SECTOR)
      const masked = this.#masks.putOn(part, this.#tweaks.update(numbers))
      this.#masks.takeOff(cipher.update(masked), part)
    }
  }
}

/** AES-CBC, anew in each sector. */
class Cbc implements SectorCipher {
  readonly #name: string

  constructor(
    private readonly key: Uint8Array,
    private readonly vectors: Vectors,
  ) {
    this.#name = `aes-${key.length * 8}-cbc`
  }

  encrypt(bytes: Uint8Array, sector: number): void {
    this.#run((vector) => createCipheriv(this.#name, this.key, vector), bytes, sector)
  }

  decrypt(bytes: Uint8Array, sector: number): void {
    this.#run((vector) => createDecipheriv(this.#name, this.key, vector), bytes, sector)
  }

  #run(make: (vector: Uint8Array) => Cipheriv | Decipheriv, bytes: Uint8Array, sector: number): void {
    const count = bytes.length / SECTOR
    const vectors = this.vectors(sector, count)
    for (let index = 0; index < count; index++) {
      const part = bytes.subarray(index * SECTOR, (index + 1) * SECTOR)
      const cipher = make(vectors.subarray(index * BLOCK, (index + 1) * BLOCK))
      part.set(cipher.setAutoPadding(false).update(part))
    }
  }
}
