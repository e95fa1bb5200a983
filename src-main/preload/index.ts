import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { DesktopBridge } from '../../engine/protocol/desktop-bridge.ts'

/** All that the page can reach: it is passed through here and judged in the main process. */
declare const window: { postMessage(message: unknown, target: string, transfer: unknown[]): void }

ipcRenderer.on('view:ports', (event, { id }: { id: string }) =>
  window.postMessage({ kind: 'vitrine-view', id }, '*', [...event.ports]),
)

const bridge: DesktopBridge = {
  openHost(listener) {
    ipcRenderer.removeAllListeners('host:message')
    ipcRenderer.on('host:message', (_event, message: unknown) => listener(message))
    ipcRenderer.send('host:open')
  },
  postToHost: (message) => ipcRenderer.send('host:message', message),
  openView: (id) => ipcRenderer.invoke('view:open', id),
  pickImage: (purpose) => ipcRenderer.invoke('image:pick', purpose),
  dropImage: (file) => ipcRenderer.invoke('image:drop', webUtils.getPathForFile(file as File)),
  pickFolder: (purpose) => ipcRenderer.invoke('folder:pick', purpose),
  dropFolder: (file) => ipcRenderer.invoke('folder:drop', webUtils.getPathForFile(file as File)),
}
contextBridge.exposeInMainWorld('vitrineDesktop', bridge)
