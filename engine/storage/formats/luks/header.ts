import { because, technical } from '../../../protocol/reasons.ts'
import { unusable } from '../../host-file.ts'
import { asciiAt, viewOf } from '../fields.ts'
import { isKnownCipher } from './sector-cipher.ts'

export const LUKS_HASHES = ['sha1', 'sha256', 'sha512'] as const
export type LuksHash = (typeof LUKS_HASHES)[number]

/** A place in a LUKS header that holds the volume's key under one passphrase. */
export interface KeySlot {
  /** Its number, 0 to 7. */
  index: number
  salt: Uint8Array
  iterations: number
  /** Of its stripes, from the start of the header. */
  position: number
}

/** The header of an encrypted volume, checked. Source: LUKS on-disk format 1.2.3. */
export interface LuksHeader {
  /** Such as `xts-plain64`; the cipher is always AES. */
  mode: string
  hash: LuksHash
  keyBytes: number
  /** Where data begin, from the start of the header: all before that is the header and its keys. */
  payloadPosition: number
  /** PBKDF2 of the volume's key, to know it by. */
  digest: Uint8Array
  digestSalt: Uint8Array
  digestIterations: number
  uuid: string
  /** Those in use. */
  slots: KeySlot[]
}

const MAGIC = Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe)
export const LUKS_HEADER_BYTES = 592
export const LUKS_DIGEST_BYTES = 20
export const LUKS_SALT_BYTES = 32
/** Every program splits a key into so many stripes. */
export const LUKS_STRIPES = 4000
export const LUKS_SLOTS = 8
const SECTOR = 512
const SLOT_ON = 0x00ac71f3
const SLOT_OFF = 0x0000dead
/** Key slots begin on pages. */
const ALIGNMENT = 4096
/** Header and keys at most: eight keys of 512 bits take 2 MiB. */
export const MAX_LUKS_AREA_BYTES = 64 * 1024 ** 2

export const isLuks = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte)

/** @param path for messages. Throws `file-unusable`. */
export function readLuksHeader(path: string, bytes: Uint8Array): LuksHeader {
  const wrong = (reason: string) =>
    unusable(path, because('header-damaged', { format: 'LUKS', detail: technical(reason) }))
  if (!isLuks(bytes)) throw wrong('it does not begin as one')
  const view = viewOf(bytes)
  const version = bytes.length >= 8 ? view.getUint16(6) : 0
  if (version === 2) throw unusable(path, because('luks-version-2'))
  if (version !== 1) throw wrong(`version ${version}`)
  if (bytes.length < LUKS_HEADER_BYTES) throw wrong('it is cut short')
  const text = (at: number, length: number): string => asciiAt(bytes, at, length).split('\0', 1)[0]!
  const cipher = text(8, 32)
  const mode = text(40, 32)
  const hashName = text(72, 32).toLowerCase()
  const keyBytes = view.getUint32(108)
  if (!isKnownCipher(cipher, mode, keyBytes))
    throw unusable(path, because('luks-cipher', { cipher: shown(`${cipher}-${mode}`), bits: keyBytes * 8 }))
  const hash = LUKS_HASHES.find((known) => known === hashName)
  if (!hash) throw unusable(path, because('luks-hash', { hash: shown(hashName) }))
  const payloadPosition = view.getUint32(104) * SECTOR
  const digestIterations = view.getUint32(164)
  if (digestIterations === 0) throw wrong('its digest has no iterations')
  const materialBytes = keyBytes * LUKS_STRIPES
  const slots: KeySlot[] = []
  for (let index = 0; index < LUKS_SLOTS; index++) {
    const at = slotEntryAt(index)
    const state = view.getUint32(at)
    if (state === SLOT_OFF) continue
    const iterations = view.getUint32(at + 4)
    const position = view.getUint32(at + 40) * SECTOR
    if (state !== SLOT_ON) throw wrong(`key ${index} is neither there nor free`)
    if (iterations === 0) throw wrong(`key ${index} has no iterations`)
    if (view.getUint32(at + 44) !== LUKS_STRIPES) throw wrong(`key ${index} has another number of stripes`)
    const isInside = position >= LUKS_HEADER_BYTES && position + materialBytes <= MAX_LUKS_AREA_BYTES
    if (!isInside || (payloadPosition !== 0 && position + materialBytes > payloadPosition))
      throw wrong(`key ${index} lies outside of it`)
    slots.push({ index, salt: bytes.slice(at + 8, at + 8 + LUKS_SALT_BYTES), iterations, position })
  }
  if (slots.length === 0) throw unusable(path, because('luks-no-key'))
  return {
    mode,
    hash,
    keyBytes,
    payloadPosition,
    digest: bytes.slice(112, 112 + LUKS_DIGEST_BYTES),
    digestSalt: bytes.slice(132, 132 + LUKS_SALT_BYTES),
    digestIterations,
    uuid: text(168, 40),
    slots,
  }
}

/** Where the entry of a key slot lies in the header. */
export const slotEntryAt = (index: number): number => 208 + index * 48

/** The entry of a key slot that is to be used, but for where its stripes lie and how many there are. */
export function encodeSlot({ iterations, salt }: KeySlot): Uint8Array {
  const bytes = new Uint8Array(40)
  const view = viewOf(bytes)
  view.setUint32(0, SLOT_ON)
  view.setUint32(4, iterations)
  bytes.set(salt, 8)
  return bytes
}

/** The same of a slot that is to be used no more. */
export function encodeFreeSlot(): Uint8Array {
  const bytes = new Uint8Array(40)
  viewOf(bytes).setUint32(0, SLOT_OFF)
  return bytes
}

/**
 * Free key slots with a place for a key: number and position of the stripes. Others make all slots when they make a volume;
 * one whose place is taken or outside is left out.
 */
export function freeSlots(bytes: Uint8Array, header: LuksHeader): { index: number; position: number }[] {
  const view = viewOf(bytes)
  const length = header.keyBytes * LUKS_STRIPES
  const free: { index: number; position: number }[] = []
  for (let index = 0; index < LUKS_SLOTS; index++) {
    if (header.slots.some((slot) => slot.index === index)) continue
    const at = slotEntryAt(index)
    const position = view.getUint32(at + 40) * SECTOR
    const end = position + length
    const isInside = position >= LUKS_HEADER_BYTES && end <= (header.payloadPosition || MAX_LUKS_AREA_BYTES)
    const isTaken = header.slots.some((slot) => position < slot.position + length && slot.position < end)
    if (isInside && !isTaken && view.getUint32(at + 44) === LUKS_STRIPES) free.push({ index, position })
  }
  return free
}

/** A name from a file, for a message of one line. */
const shown = (name: string): string => name.replaceAll(/[^\x20-\x7e]/g, '?')

/** Where keys lie and data begin when a volume with keys of this length is made. */
export function newLuksLayout(keyBytes: number): { slotPositions: number[]; payloadPosition: number } {
  const slotBytes = Math.ceil((keyBytes * LUKS_STRIPES) / ALIGNMENT) * ALIGNMENT
  const slotPositions = Array.from({ length: LUKS_SLOTS }, (_, index) => ALIGNMENT + index * slotBytes)
  return { slotPositions, payloadPosition: ALIGNMENT + LUKS_SLOTS * slotBytes }
}

/** The first bytes of a volume. Slots that are free are written down as well: others check them. */
export function encodeLuksHeader(header: LuksHeader): Uint8Array {
  const bytes = new Uint8Array(LUKS_HEADER_BYTES)
  const view = viewOf(bytes)
  const text = (at: number, value: string): void => bytes.set(Buffer.from(value, 'latin1'), at)
  bytes.set(MAGIC)
  view.setUint16(6, 1)
  text(8, 'aes')
  text(40, header.mode)
  text(72, header.hash)
  view.setUint32(104, header.payloadPosition / SECTOR)
  view.setUint32(108, header.keyBytes)
  bytes.set(header.digest, 112)
  bytes.set(header.digestSalt, 132)
  view.setUint32(164, header.digestIterations)
  text(168, header.uuid)
  for (const [index, position] of newLuksLayout(header.keyBytes).slotPositions.entries()) {
    const at = slotEntryAt(index)
    const slot = header.slots[index]
    view.setUint32(at, slot ? SLOT_ON : SLOT_OFF)
    view.setUint32(at + 4, slot?.iterations ?? 0)
    if (slot) bytes.set(slot.salt, at + 8)
    view.setUint32(at + 40, position / SECTOR)
    view.setUint32(at + 44, LUKS_STRIPES)
  }
  return bytes
}
