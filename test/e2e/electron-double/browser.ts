import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

type Listener = (params: Record<string, unknown>, session: string | undefined) => void

/** A Chromium without a window, driven by its debugging protocol. */
export class Browser {
  #nextId = 1
  #waiting = new Map<number, { resolve(value: Record<string, unknown>): void; reject(error: Error): void }>()
  #listeners = new Map<string, Listener[]>()

  private constructor(
    readonly child: ChildProcess,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (text: Buffer) =>
      this.#receive(JSON.parse(text.toString()) as Record<string, unknown>),
    )
  }

  /** @param profile an empty folder; the address for other debuggers is in its file DevToolsActivePort */
  static async launch(executable: string, profile: string): Promise<Browser> {
    const child = spawn(
      executable,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--remote-debugging-port=0',
        '--window-size=1180,820',
        `--user-data-dir=${profile}`,
        'about:blank',
      ],
      { stdio: 'ignore' },
    )
    for (let attempt = 0; attempt < 300; attempt++) {
      const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
      const [port, path] = text.split('\n')
      if (port && path) {
        const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false })
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
        return new Browser(child, socket)
      }
      await delay(50)
    }
    child.kill()
    throw new Error('Chromium did not start')
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.#nextId++
    this.socket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  on(method: string, listener: Listener): void {
    this.#listeners.set(method, [...(this.#listeners.get(method) ?? []), listener])
  }

  close(): void {
    this.child.kill()
  }

  #receive(message: Record<string, unknown>): void {
    const { id, method, params, result, error, sessionId } = message
    if (typeof method === 'string')
      for (const listener of this.#listeners.get(method) ?? [])
        listener(params as Record<string, unknown>, sessionId as string | undefined)
    const waiting = this.#waiting.get(Number(id))
    if (!waiting) return
    this.#waiting.delete(Number(id))
    if (error) waiting.reject(new Error(JSON.stringify(error)))
    else waiting.resolve((result ?? {}) as Record<string, unknown>)
  }
}
