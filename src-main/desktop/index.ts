import { app, BrowserWindow, dialog, Menu, protocol, session } from 'electron'
import { HostService } from '../host/host-service.ts'
import { bundled, libraryFolder } from '../host/locations.ts'
import { answerWindow } from './ipc.ts'
import { APP_ORIGIN, APP_SCHEME, serveBundle } from './scheme.ts'
import { startUtilityProcess } from './utility-process.ts'
import { hasForbiddenSwitch, refusePermissions } from './security.ts'

/** The desktop application: one window on the library, a utility process for each running machine. */
async function main(): Promise<void> {
  await app.whenReady()
  serveBundle(protocol)
  refusePermissions(session.defaultSession)
  Menu.setApplicationMenu(null)
  const host = await HostService.open(libraryFolder(), startUtilityProcess)
  answerWindow(host)
  const window = await openWindow()
  askBeforeClosing(window, () => host.supervisor.liveCount)
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
    void host.close().finally(() => app.exit(0))
  })
}

/** Machines that run are switched off with the application; nobody should learn that afterwards. */
function askBeforeClosing(window: BrowserWindow, liveCount: () => number): void {
  let agreed = false
  window.on('close', (event) => {
    const count = liveCount()
    if (agreed || count === 0) return
    event.preventDefault()
    const machines = count === 1 ? 'A machine is' : `${count} machines are`
    void dialog
      .showMessageBox(window, {
        type: 'question',
        message: `${machines} running.`,
        detail:
          'Closing switches off what runs, like pulling the plug. What the guests have not saved is lost.',
        buttons: ['Switch off and close', 'Cancel'],
        defaultId: 1,
        cancelId: 1,
      })
      .then(({ response }) => {
        agreed = response === 0
        if (agreed) window.close()
      })
  })
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
