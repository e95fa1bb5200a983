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
  /** Digests of the sessions' secrets. */
  #sessions: Buffer[] = []
  #tries = new Map<string, { count: number; untilMs: number }>()
  #hosts: ReadonlySet<string> = new Set()
  #cookie = 'vitrine'
  #scheme: 'http' | 'https' = 'http'

  constructor(private readonly nowMs: () => number = Date.now) {}

  /**
   * To be called once the port is known.
   * @param names names and addresses of the Host header that mean this server
   */
  bind(names: readonly string[], port: number, scheme: 'http' | 'https' = 'http'): void {
    const usual = port === (scheme === 'https' ? 443 : 80)
    const hosts = names.map((name) => (name.includes(':') ? `[${name}]` : name.toLowerCase()))
    this.#hosts = new Set(hosts.flatMap((host) => [`${host}:${port}`, ...(usual ? [host] : [])]))
    this.#cookie = `vitrine-${port}`
    this.#scheme = scheme
  }

  /** A new login token; an earlier one stops working. */
  issueToken(): string {
    const token = randomBytes(32).toString('base64url')
    this.#token = digest(token)
    return token
  }

  /** Whether the request addresses this server by one of its names. */
  isForUs({ headers }: IncomingMessage): boolean {
    return headers.host !== undefined && this.#hosts.has(headers.host.toLowerCase())
  }

  /** Whether the request comes from a page of this server, as browsers say for everything that can change something. */
  isFromUs({ headers }: IncomingMessage): boolean {
    return headers.origin === `${this.#scheme}://${headers.host}`
  }

  /** Which session the request belongs to, as a name that is no secret; null when it has none. */
  sessionOf({ headers }: IncomingMessage): string | null {
    const pair = headers.cookie?.split(/; */).find((part) => part.startsWith(`${this.#cookie}=`))
    if (!pair) return null
    const found = digest(pair.slice(this.#cookie.length + 1))
    return this.#sessions.some((session) => timingSafeEqual(session, found)) ? found.toString('hex') : null
  }

  /** Ends a session. @returns the Set-Cookie header that takes the browser's cookie away */
  logout(session: string): string {
    this.#sessions = this.#sessions.filter((known) => known.toString('hex') !== session)
    return `${this.#cookie}=; Max-Age=0; ${this.#cookieRules}`
  }

  /** Uses up the token. @returns the Set-Cookie header, or null when the token is not the one, or was tried too often */
  login(token: string, source: string): string | null {
    if (!this.#mayTry(source) || !this.#token || !timingSafeEqual(this.#token, digest(token))) return null
    this.#token = null
    const session = randomBytes(32).toString('base64url')
    this.#sessions = [...this.#sessions, digest(session)].slice(-MAX_SESSIONS)
    return `${this.#cookie}=${session}; ${this.#cookieRules}`
  }

  get #cookieRules(): string {
    return `HttpOnly; SameSite=Strict; Path=/${this.#scheme === 'https' ? '; Secure' : ''}`
  }

  #mayTry(source: string): boolean {
    const now = this.nowMs()
    for (const [key, { untilMs }] of this.#tries) if (untilMs <= now) this.#tries.delete(key)
    const tries = this.#tries.get(source) ?? { count: 0, untilMs: now + 60_000 }
    this.#tries.set(source, tries)
    return ++tries.count <= TRIES_PER_MINUTE
  }
}
