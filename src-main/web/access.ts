import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const TRIES_PER_MINUTE = 10
const MAX_SESSIONS = 64

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Who may use the web host: a browser that came by a login address. Each address works once and gives the
 * browser a cookie of its own. Requests from other sites and under other names for this host are refused,
 * which also stops a page that lets its own name point here.
 */
export class Access {
  #token: Buffer | null = null
  #sessions: Buffer[] = []
  #tries = new Map<string, { count: number; untilMs: number }>()
  #hosts: ReadonlySet<string> = new Set()
  #cookie = 'vitrine'

  /** @param hosts values of the Host header that mean this server */
  constructor(private readonly nowMs: () => number = Date.now) {}

  /** To be called once the port is known. */
  bind(names: readonly string[], port: number): void {
    this.#hosts = new Set(names.map((name) => `${name.includes(':') ? `[${name}]` : name}:${port}`))
    this.#cookie = `vitrine-${port}`
  }

  /** A new login token; an earlier one stops working. */
  issueToken(): string {
    const token = randomBytes(32).toString('base64url')
    this.#token = digest(token)
    return token
  }

  /** Whether the request addresses this server by one of its names. */
  isForUs({ headers }: IncomingMessage): boolean {
    return headers.host !== undefined && this.#hosts.has(headers.host)
  }

  /** Whether the request comes from a page of this server, as browsers say for everything that can change something. */
  isFromUs({ headers }: IncomingMessage): boolean {
    return headers.origin === `http://${headers.host}`
  }

  hasSession({ headers }: IncomingMessage): boolean {
    const pair = headers.cookie?.split(/; */).find((part) => part.startsWith(`${this.#cookie}=`))
    if (!pair) return false
    const found = digest(pair.slice(this.#cookie.length + 1))
    return this.#sessions.some((session) => timingSafeEqual(session, found))
  }

  /** Uses up the token. @returns the Set-Cookie header, or null when the token is not the one, or was tried too often */
  login(token: string, source: string): string | null {
    if (!this.#mayTry(source) || !this.#token || !timingSafeEqual(this.#token, digest(token))) return null
    this.#token = null
    const session = randomBytes(32).toString('base64url')
    this.#sessions = [...this.#sessions, digest(session)].slice(-MAX_SESSIONS)
    return `${this.#cookie}=${session}; HttpOnly; SameSite=Strict; Path=/`
  }

  #mayTry(source: string): boolean {
    const now = this.nowMs()
    for (const [key, { untilMs }] of this.#tries) if (untilMs <= now) this.#tries.delete(key)
    const tries = this.#tries.get(source) ?? { count: 0, untilMs: now + 60_000 }
    this.#tries.set(source, tries)
    return ++tries.count <= TRIES_PER_MINUTE
  }
}
