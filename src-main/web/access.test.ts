import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Access } from './access.ts'

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage

function powerOn() {
  const time = { nowMs: 0 }
  const access = new Access(() => time.nowMs)
  access.bind(['127.0.0.1', 'localhost', '::1'], 8086)
  return { access, time }
}
const cookieOf = (header: string) => header.split(';')[0]!

describe('web access', () => {
  it('lets in whoever brings the token, once', () => {
    const { access } = powerOn()
    const token = access.issueToken()
    const header = access.login(token, 'a')!
    expect(header).toMatch(/^vitrine-8086=.+; HttpOnly; SameSite=Strict; Path=\/$/)
    expect(access.sessionOf(request({ cookie: `x=1; ${cookieOf(header)}` }))).not.toBeNull()
    expect(access.login(token, 'a')).toBeNull()
  })

  it('keeps sessions of earlier browsers when another comes', () => {
    const { access } = powerOn()
    const first = access.login(access.issueToken(), 'a')!
    access.login(access.issueToken(), 'b')
    expect(access.sessionOf(request({ cookie: cookieOf(first) }))).not.toBeNull()
  })

  it('refuses other tokens and cookies', () => {
    const { access } = powerOn()
    expect(access.login('', 'a')).toBeNull()
    const token = access.issueToken()
    expect(access.login(token.slice(1), 'a')).toBeNull()
    for (const cookie of ['vitrine-8086=', 'vitrine-8086=x', 'vitrine-8087=x', ''])
      expect(access.sessionOf(request({ cookie }))).toBeNull()
  })

  it('looks at no more than ten tokens a minute from one source', () => {
    const { access, time } = powerOn()
    const token = access.issueToken()
    for (let n = 0; n < 10; n++) access.login('wrong', 'bad')
    expect(access.login(token, 'bad')).toBeNull()
    time.nowMs = 60_000
    expect(access.login(token, 'bad')).not.toBeNull()
  })

  it('takes as long for a token that begins rightly as for any other', () => {
    const { access, time } = powerOn()
    const token = access.issueToken()
    const wrong = 'x'.repeat(token.length)
    const almost = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
    const took = { wrong: [] as number[], almost: [] as number[] }
    for (let turn = 0; turn < 400; turn++)
      for (const [kind, guess] of [['wrong', wrong] as const, ['almost', almost] as const].toSorted(
        () => (turn % 2) - 0.5,
      )) {
        const startedAt = performance.now()
        for (let guesses = 0; guesses < 10; guesses++) access.login(guess, 'a')
        took[kind].push(performance.now() - startedAt)
        time.nowMs += 60_000
      }
    const quarter = (times: number[]) => times.toSorted((a, b) => a - b)[100]!
    // Comparing byte by byte would stop at the first for one and at the last for the other.
    expect(quarter(took.almost) / quarter(took.wrong)).toBeGreaterThan(0.67)
    expect(quarter(took.almost) / quarter(took.wrong)).toBeLessThan(1.5)
    expect(access.login(token, 'a')).not.toBeNull()
  })

  it('answers to its own names only, and to pages of its own', () => {
    const { access } = powerOn()
    for (const host of ['127.0.0.1:8086', 'localhost:8086', '[::1]:8086']) {
      expect(access.isForUs(request({ host }))).toBe(true)
      expect(access.isFromUs(request({ host, origin: `http://${host}` }))).toBe(true)
    }
    for (const host of ['evil.example:8086', '127.0.0.1', '127.0.0.1:80', ''])
      expect(access.isForUs(request({ host }))).toBe(false)
    expect(access.isFromUs(request({ host: '127.0.0.1:8086', origin: 'http://evil.example' }))).toBe(false)
    expect(access.isFromUs(request({ host: '127.0.0.1:8086' }))).toBe(false)
  })

  it('forgets a session that is ended, and no other', () => {
    const { access } = powerOn()
    const [first, second] = ['a', 'b'].map((source) =>
      request({ cookie: cookieOf(access.login(access.issueToken(), source)!) }),
    )
    expect(access.logout(access.sessionOf(first!)!)).toMatch(/^vitrine-8086=; Max-Age=0; HttpOnly/)
    expect(access.sessionOf(first!)).toBeNull()
    expect(access.sessionOf(second!)).not.toBeNull()
  })

  it('gives cookies to encrypted connections only where it encrypts', () => {
    const access = new Access()
    access.bind(['Vitrine.Example', '::1'], 443, 'https')
    expect(access.login(access.issueToken(), 'a')).toMatch(/; Secure$/)
    for (const host of ['vitrine.example', 'vitrine.example:443', '[::1]']) {
      expect(access.isForUs(request({ host }))).toBe(true)
      expect(access.isFromUs(request({ host, origin: `https://${host}` }))).toBe(true)
      expect(access.isFromUs(request({ host, origin: `http://${host}` }))).toBe(false)
    }
  })
})
