import { app, BrowserWindow, dialog, Menu, protocol, session, shell } from 'electron'
import { HostService } from '../host/host-service.ts'
import { bundled, libraryFolder } from '../host/locations.ts'
import { SpareProcess } from '../host/spare-process.ts'
import { answerWindow } from './ipc.ts'
import { ENDINGS, quitQuestion, type Ending } from './quit-question.ts'
import { APP_ORIGIN, APP_SCHEME, serveBundle } from './scheme.ts'
import { startUtilityProcess } from './utility-process.ts'
import { hasForbiddenSwitch, refusePermissions } from './security.ts'

/** The desktop application: one window on the library, a utility process for each running machine. */
async function main(): Promise<void> {
  await app.whenReady()
  serveBundle(protocol)
  refusePermissions(session.defaultSession)
  Menu.setApplicationMenu(null)
  const spare = new SpareProcess(startUtilityProcess)
  const host = await HostService.open(libraryFolder(), spare.take, (path) => {
    shell.showItemInFolder(path)
    return Promise.resolve(true)
  })
  answerWindow(host)
  const window = await openWindow()
  const running = askBeforeClosing(window, () => host.supervisor.live.length)
  app.on('second-instance', () => {
    if (window.isMinimized()) window.restore()
    window.focus()
  })
  let closing = false
  app.on('window-all-closed', () => app.quit())
  app.on('before-quit', (event) => {
    if (closing) return
    closing = true
    event.preventDefault()
    spare.close()
    void host.close(running()).finally(() => app.exit(0))
  })
}

/**
 * Asks what becomes of machines that run when the window is closed.
 * @returns what was chosen, which is to save them when nobody could be asked
 */
function askBeforeClosing(window: BrowserWindow, liveCount: () => number): () => Ending {
  let ending: Ending | null = null
  window.on('close', (event) => {
    if (ending || liveCount() === 0) return
    event.preventDefault()
    const { buttons, ...question } = quitQuestion(liveCount(), app.getLocale())
    void dialog
      .showMessageBox(window, { type: 'question', ...question, buttons, defaultId: 0, cancelId: 3 })
      .then(({ response }) => {
        ending = ENDINGS[response] ?? null
        if (ending) window.close()
      })
  })
  return () => ending ?? 'save'
}

async function openWindow(): Promise<BrowserWindow> {
  const window = new BrowserWindow({
    width: 1180,
    height: 820,
    minWidth: 720,
    minHeight: 480,
    title: 'Vitrine',
    webPreferences: {
      preload: bundled('preload', 'index.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webSecurity: true,
      spellcheck: false,
    },
  })
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }))
  window.webContents.on('will-navigate', (event, url) => {
    if (!url.startsWith(`${APP_ORIGIN}/`)) event.preventDefault()
  })
  window.webContents.on('will-attach-webview', (event) => event.preventDefault())
  await window.loadURL(`${APP_ORIGIN}/index.html`)
  return window
}

if (hasForbiddenSwitch(process.argv) || !app.requestSingleInstanceLock()) app.exit(1)
else {
  protocol.registerSchemesAsPrivileged([
    {
      scheme: APP_SCHEME,
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ])
  main().catch((error: Error) => {
    process.stderr.write(`vitrine: ${error.message}\n`)
    app.exit(1)
  })
}
