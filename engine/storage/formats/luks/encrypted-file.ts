import type { HostFile } from '../../host-file.ts'
import { lockedError } from './keyring.ts'
import type { SectorCipher } from './sector-cipher.ts'

const SECTOR = 512

/** The data of an encrypted image: whole sectors of its file, as they are in clear. */
export class EncryptedFile implements HostFile {
  readonly holesAreNoise = true

  /**
   * @param cipher null where the passphrase is not known: what lies where can be told, contents cannot
   * @param start position of the sector with number 0
   */
  constructor(
    private readonly file: HostFile,
    private readonly cipher: SectorCipher | null,
    private readonly start: number,
  ) {}

  get path(): string {
    return this.file.path
  }

  get size(): number {
    return this.file.size
  }

  get writable(): boolean {
    return this.file.writable
  }

  get identity(): string {
    return this.file.identity
  }

  readAt(position: number, into: Uint8Array): void {
    const { cipher } = this
    if (!cipher) throw lockedError(this.path)
    this.file.readAt(position, into)
    const whole = into.length - (into.length % SECTOR)
    const sector = (position - this.start) / SECTOR
    cipher.decrypt(into.subarray(0, whole), sector)
    // Only where the file was cut within a sector: there is nothing to be had of that.
    into.fill(0, whole)
  }

  writeAt(position: number, from: Uint8Array): void {
    const { cipher } = this
    if (!cipher) throw lockedError(this.path)
    const bytes = new Uint8Array(from) // a Buffer's own slice would be the caller's bytes
    cipher.encrypt(bytes, (position - this.start) / SECTOR)
    this.file.writeAt(position, bytes)
  }

  truncate(bytes: number): void {
    this.file.truncate(bytes)
  }

  sync(): void {
    this.file.sync()
  }

  close(): void {
    this.file.close()
  }
}
