import type * as E from 'electron'
import { EventEmitter } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { Browser } from './browser.ts'
import { PortHub, type PortEnd } from './ports.ts'
import { DoubleUtilityProcess } from './utility.ts'
import { DoubleBrowserWindow, DoubleIpcMain } from './window.ts'

/**
 * A double of the part of Electron that the desktop shell uses, for machines where its binary cannot be had.
 * Windows are pages of a stock Chromium, utility processes are child processes. Settings come by environment:
 * DOUBLE_CHROMIUM the browser, DOUBLE_PROFILE its profile, DOUBLE_OPEN_DIALOG the file that the user "chooses",
 * DOUBLE_MESSAGE_BOX the button that he presses, from 0. SIGUSR2 is his click on the cross of the window.
 */
const folder = mkdtempSync(join(tmpdir(), 'electron-double-'))
const hub = new PortHub()
const schemeHandlers = new Map<string, (request: Request) => Response | Promise<Response>>()
const utilities = new Set<DoubleUtilityProcess>()
let browser: Browser | null = null

class DoubleApp
  extends EventEmitter
  implements Pick<E.App, 'whenReady' | 'quit' | 'exit' | 'requestSingleInstanceLock' | 'getLocale'>
{
  #ready: Promise<void> | null = null

  whenReady(): Promise<void> {
    return (this.#ready ??= start())
  }

  requestSingleInstanceLock(): boolean {
    return true
  }

  getLocale(): string {
    return 'en-GB'
  }

  quit(): void {
    let prevented = false
    this.emit('before-quit', { preventDefault: () => (prevented = true) })
    if (!prevented) this.exit()
  }

  exit(status = 0): void {
    for (const utility of utilities) utility.kill()
    browser?.close()
    rmSync(folder, { recursive: true, force: true })
    process.exit(status)
  }
}

async function start(): Promise<void> {
  const server = createServer((request, response) => {
    const handler = schemeHandlers.get('app')
    const answer =
      handler?.(new Request(`app://vitrine${request.url}`)) ?? new Response(null, { status: 404 })
    void Promise.resolve(answer).then(async (made) =>
      response
        .writeHead(made.status, Object.fromEntries(made.headers))
        .end(Buffer.from(await made.arrayBuffer())),
    )
  })
  const sockets = new WebSocketServer({
    server,
    path: '/__double',
    perMessageDeflate: false,
    maxPayload: 1 << 28,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  sockets.on('connection', (socket, request) => {
    const secret = new URL(request.url ?? '', origin).searchParams.get('window') ?? ''
    const toApp = (url: string) => url.replace(origin, 'app://vitrine')
    DoubleBrowserWindow.all.get(secret)?.webContents.attach(socket, ipcMain, toApp)
  })
  browser = await Browser.launch(
    process.env['DOUBLE_CHROMIUM'] ?? '/usr/bin/chromium',
    process.env['DOUBLE_PROFILE'] ?? join(folder, 'profile'),
  )
  browser.child.on('exit', () => app.emit('window-all-closed'))
  DoubleBrowserWindow.surroundings = { browser, hub, origin, ipc: ipcMain }
  process.on('SIGUSR2', () => {
    for (const window of DoubleBrowserWindow.all.values()) window.close()
  })
}

export const app = new DoubleApp()
process.on('SIGTERM', () => app.exit(1))
export const ipcMain = new DoubleIpcMain()
export { DoubleBrowserWindow as BrowserWindow }

export class MessageChannelMain {
  readonly port1: PortEnd
  readonly port2: PortEnd

  constructor() {
    ;[this.port1, this.port2] = hub.pair()
  }
}

export const protocol = {
  registerSchemesAsPrivileged() {},
  handle(scheme, handler) {
    schemeHandlers.set(scheme, handler)
  },
} satisfies Pick<E.Protocol, 'registerSchemesAsPrivileged' | 'handle'>

export const session = {
  defaultSession: { setPermissionRequestHandler() {}, setPermissionCheckHandler() {} } satisfies Pick<
    E.Session,
    'setPermissionRequestHandler' | 'setPermissionCheckHandler'
  >,
}

export const Menu = { setApplicationMenu() {} } satisfies Pick<typeof E.Menu, 'setApplicationMenu'>

/** What the file manager shows is noted in the file DOUBLE_SHOWN, a line each. */
export const shell = {
  showItemInFolder(path: string) {
    const file = process.env['DOUBLE_SHOWN']
    if (file) appendFileSync(file, `${path}\n`)
  },
} satisfies Pick<E.Shell, 'showItemInFolder'>

export const dialog = {
  showOpenDialog: () => {
    const path = process.env['DOUBLE_OPEN_DIALOG']
    return Promise.resolve({
      canceled: !path,
      filePaths: path ? [path] : [],
    } satisfies E.OpenDialogReturnValue)
  },
  showMessageBox: () =>
    Promise.resolve({
      response: Number(process.env['DOUBLE_MESSAGE_BOX'] ?? 0),
      checkboxChecked: false,
    } satisfies E.MessageBoxReturnValue),
}

const childScript = fileURLToPath(new URL('child.mjs', import.meta.url))
export const utilityProcess = {
  fork(path: string, args: string[] = []) {
    const utility = new DoubleUtilityProcess(hub, childScript, path, args)
    utilities.add(utility)
    utility.on('exit', () => utilities.delete(utility))
    return utility
  },
}
