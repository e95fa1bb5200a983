import type { Keyring } from '../../engine/service/media/media.ts'

/** How long a passphrase is kept that nothing asks for. */
const IDLE_MS = 10 * 60_000

interface Kept {
  secrets: readonly string[]
  /** Holds the keys that they opened, so that each is derived once. */
  keyring: Keyring
  timer: NodeJS.Timeout
}

/** Passphrases of the disks of machines that are off, while somebody looks into them; they are nowhere else. */
export class KeptSecrets {
  readonly #kept = new Map<string, Kept>()

  /** @param keyring with this one and those of before */
  keep(id: string, secret: string, keyring: Keyring): void {
    const secrets = [...this.secretsOf(id), secret]
    this.forget(id)
    const timer = setTimeout(() => this.forget(id), IDLE_MS)
    this.#kept.set(id, { secrets, keyring, timer: timer.unref() })
  }

  secretsOf(id: string): readonly string[] {
    return this.#kept.get(id)?.secrets ?? []
  }

  keyringOf(id: string): Keyring | undefined {
    const kept = this.#kept.get(id)
    kept?.timer.refresh()
    return kept?.keyring
  }

  forget(id: string): void {
    clearTimeout(this.#kept.get(id)?.timer)
    this.#kept.delete(id)
  }

  close(): void {
    for (const id of this.#kept.keys()) this.forget(id)
  }
}
