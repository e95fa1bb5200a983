import type * as E from 'electron'
import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import type { WebSocket } from 'ws'
import { mainWorld, preloadWorld } from './page.mjs'
import type { Browser } from './browser.ts'
import type { Holder, PortEnd, PortHub } from './ports.ts'

/** What all windows share. */
export interface Surroundings {
  browser: Browser
  hub: PortHub
  /** Where `app://vitrine` is served, since a stock browser has no private schemes. */
  origin: string
  ipc: DoubleIpcMain
}

const APP_ORIGIN = 'app://vitrine'

export class DoubleIpcMain extends EventEmitter implements Pick<E.IpcMain, 'handle'> {
  readonly handlers = new Map<string, (event: E.IpcMainInvokeEvent, ...args: unknown[]) => unknown>()

  handle(channel: string, handler: (event: E.IpcMainInvokeEvent, ...args: unknown[]) => unknown): void {
    if (this.handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`)
    this.handlers.set(channel, handler)
  }
}

type OpenHandler = (details: { url: string }) => { action: string }

export class DoubleWebContents extends EventEmitter {
  static #count = 0
  readonly id = ++DoubleWebContents.#count
  url = ''
  destroyed = false
  openHandler: OpenHandler = () => ({ action: 'allow' })
  #socket: WebSocket | null = null
  #early: (string | Buffer)[] = []
  readonly holder: Holder = {
    deliver: (end, data) => {
      if (!(data instanceof ArrayBuffer)) return this.#send({ kind: 'port', end, data })
      const head = Buffer.alloc(4)
      head.writeUInt32LE(end)
      this.#out(Buffer.concat([head, new Uint8Array(data)]))
    },
    closed: (end) => this.#send({ kind: 'port-closed', end }),
  }

  constructor(private readonly hub: PortHub) {
    super()
  }

  send(channel: string, ...args: unknown[]): void {
    this.#send({ kind: 'message', channel, args })
  }

  postMessage(channel: string, message: unknown, transfer: PortEnd[] = []): void {
    this.#send({ kind: 'message', channel, args: [message], ports: transfer.map(({ id }) => id) })
    for (const { id } of transfer) this.hub.transfer(id, this.holder)
  }

  setWindowOpenHandler(handler: OpenHandler): void {
    this.openHandler = handler
  }

  getURL(): string {
    return this.url
  }

  isDestroyed(): boolean {
    return this.destroyed
  }

  /** The page's preload world has connected; what an earlier document held is gone. */
  attach(socket: WebSocket, ipc: DoubleIpcMain, toApp: (url: string) => string): void {
    this.hub.closeAll(this.holder)
    this.#socket = socket
    for (const data of this.#early.splice(0)) socket.send(data)
    socket.on(
      'message',
      (text: Buffer) => void this.#receive(JSON.parse(text.toString()) as FromPage, ipc, toApp),
    )
  }

  async #receive(message: FromPage, ipc: DoubleIpcMain, toApp: (url: string) => string): Promise<void> {
    if (message.kind === 'port') return this.hub.posted(message.end, message.data)
    if (message.kind === 'port-closed') return this.hub.close(message.end)
    const event = { sender: this, senderFrame: { url: toApp(message.url), parent: null }, ports: [] }
    if (message.kind === 'send') return void ipc.emit(message.channel, event, ...message.args)
    const { id, channel, args } = message
    try {
      const handler = ipc.handlers.get(channel)
      if (!handler) throw new Error(`No handler registered for '${channel}'`)
      this.#send({
        kind: 'reply',
        id,
        value: await handler(event as unknown as E.IpcMainInvokeEvent, ...args),
      })
    } catch (error) {
      this.#send({ kind: 'reply', id, error: String(error) })
    }
  }

  #send(message: object): void {
    this.#out(JSON.stringify(message))
  }

  #out(data: string | Buffer): void {
    if (this.#socket) this.#socket.send(data)
    else this.#early.push(data)
  }
}

type FromPage =
  | { kind: 'port'; end: number; data: unknown }
  | { kind: 'port-closed'; end: number }
  | { kind: 'send'; url: string; channel: string; args: unknown[] }
  | { kind: 'invoke'; url: string; id: number; channel: string; args: unknown[] }

/** A window as a page of the browser, with the preload script in a world of its own. */
export class DoubleBrowserWindow
  extends EventEmitter
  implements Pick<E.BrowserWindow, 'loadURL' | 'isMinimized' | 'restore' | 'focus' | 'close'>
{
  static readonly all = new Map<string, DoubleBrowserWindow>()
  static surroundings: Surroundings
  readonly secret = randomBytes(12).toString('hex')
  readonly webContents: DoubleWebContents

  constructor(private readonly options: E.BrowserWindowConstructorOptions = {}) {
    super()
    const { nodeIntegration, contextIsolation, sandbox } = options.webPreferences ?? {}
    if (nodeIntegration !== false || contextIsolation !== true || sandbox !== true)
      throw new Error('the double has sandboxed windows only')
    this.webContents = new DoubleWebContents(DoubleBrowserWindow.surroundings.hub)
    DoubleBrowserWindow.all.set(this.secret, this)
  }

  static fromWebContents(contents: DoubleWebContents): DoubleBrowserWindow | null {
    return [...DoubleBrowserWindow.all.values()].find(({ webContents }) => webContents === contents) ?? null
  }

  isMinimized = (): boolean => false
  restore(): void {}
  close(): void {
    let prevented = false
    this.emit('close', { preventDefault: () => (prevented = true) })
    if (!prevented) DoubleBrowserWindow.surroundings.browser.close()
  }
  focus(): void {}

  async loadURL(url: string): Promise<void> {
    const { browser, origin } = DoubleBrowserWindow.surroundings
    const { targetInfos } = (await browser.send('Target.getTargets')) as {
      targetInfos: { targetId: string; type: string; url: string }[]
    }
    const blank = targetInfos.find(({ type, url: at }) => type === 'page' && at === 'about:blank')
    const targetId =
      blank?.targetId ?? (await browser.send('Target.createTarget', { url: 'about:blank' }))['targetId']
    const session = (await browser.send('Target.attachToTarget', { targetId, flatten: true }))[
      'sessionId'
    ] as string
    const key = randomBytes(8).toString('hex')
    const preload = readFileSync(this.options.webPreferences!.preload!, 'utf8')
    const inMain = `(${mainWorld.toString()})(${JSON.stringify(key)})`
    const inPreload = `{
      const require = (${preloadWorld.toString()})(${JSON.stringify(key)}, ${JSON.stringify(this.secret)})
      const exports = {}, module = { exports }
      ;(function () { ${preload}\n })()
    }`
    await browser.send('Page.enable', {}, session)
    await browser.send('Page.addScriptToEvaluateOnNewDocument', { source: inMain }, session)
    await browser.send(
      'Page.addScriptToEvaluateOnNewDocument',
      { source: inPreload, worldName: 'preload' },
      session,
    )
    await this.#guard(browser, session, origin)
    this.webContents.url = url
    await browser.send('Page.navigate', { url: url.replace(APP_ORIGIN, origin) }, session)
  }

  /** `will-navigate` and the window-open handler. */
  async #guard(browser: Browser, session: string, origin: string): Promise<void> {
    let first = true
    browser.on('Fetch.requestPaused', (params, at) => {
      if (at !== session) return
      const { requestId, request } = params as { requestId: string; request: { url: string } }
      let stopped = false
      const event = { preventDefault: () => (stopped = true) }
      if (!first) this.webContents.emit('will-navigate', event, request.url.replace(origin, APP_ORIGIN))
      first = false
      const answer = stopped
        ? ['Fetch.failRequest', { requestId, errorReason: 'Aborted' }]
        : ['Fetch.continueRequest', { requestId }]
      void browser.send(answer[0] as string, answer[1] as object, session)
    })
    await browser.send('Fetch.enable', { patterns: [{ resourceType: 'Document' }] }, session)
    browser.on('Target.targetCreated', (params) => {
      const { targetInfo } = params as {
        targetInfo: { targetId: string; type: string; url: string; openerId?: string }
      }
      if (targetInfo.openerId && this.webContents.openHandler({ url: targetInfo.url }).action === 'deny')
        void browser.send('Target.closeTarget', { targetId: targetInfo.targetId })
    })
    await browser.send('Target.setDiscoverTargets', { discover: true })
  }
}
