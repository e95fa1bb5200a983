import {
  BrowserWindow,
  dialog,
  ipcMain,
  MessageChannelMain,
  type IpcMainEvent,
  type IpcMainInvokeEvent,
} from 'electron'
import { isAbsolute } from 'node:path'
import { ChannelEnd } from '../../engine/protocol/channel.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { describeError, RpcError } from '../../engine/protocol/rpc.ts'
import type { HostService } from '../host/host-service.ts'
import { APP_ORIGIN } from './scheme.ts'
import { originOf } from './security.ts'
import type { UtilityVmProcess } from './utility-process.ts'

const ALL_FILES = { name: 'All files', extensions: ['*'] }
const IMAGE_DIALOG = {
  title: 'Choose an image',
  filters: [
    {
      name: 'Images',
      extensions: ['img', 'ima', 'flp', 'vfd', 'iso', 'cue', 'mds', 'chd', 'dsk', 'raw', 'bin'],
    },
    ALL_FILES,
  ],
}
const MACHINE_DIALOG = {
  title: 'Choose a machine of another program',
  filters: [
    { name: 'Machines', extensions: ['vbox', 'vmx', 'ovf', 'ova', 'xml', 'cfg', 'plist', 'sh'] },
    ALL_FILES,
  ],
}

/** Only the top frame of our own page is listened to. */
const isOurs = ({ senderFrame }: IpcMainEvent | IpcMainInvokeEvent): boolean =>
  senderFrame !== null && senderFrame.parent === null && originOf(senderFrame.url) === APP_ORIGIN

/** Errors cross to the page as their code and details; a thrown one would lose them. */
type Answer<T> = { value: T } | { error: ReturnType<typeof describeError> }

function handle<T>(name: string, answer: (event: IpcMainInvokeEvent, argument: unknown) => Promise<T>): void {
  ipcMain.handle(name, async (event, argument: unknown): Promise<Answer<T>> => {
    try {
      if (!isOurs(event)) throw new RpcError('refused')
      return { value: await answer(event, argument) }
    } catch (error) {
      return { error: describeError(error) }
    }
  })
}

/** What a window may ask of the main process: the host protocol, a view of a machine, a file from the system's dialog. */
export function answerWindow(host: HostService<UtilityVmProcess>): void {
  const channels = new Map<number, ChannelEnd>()

  // Each page that loads starts over; what the one before it left open is closed.
  ipcMain.on('host:open', (event) => {
    if (!isOurs(event)) return
    const { sender } = event
    channels.get(sender.id)?.closed()
    const channel = new ChannelEnd((message) => {
      if (!sender.isDestroyed()) sender.send('host:message', message)
    })
    channels.set(sender.id, channel)
    sender.once('destroyed', () => {
      channel.closed()
      if (channels.get(sender.id) === channel) channels.delete(sender.id)
    })
    host.serve(channel)
  })
  ipcMain.on('host:message', (event, message: unknown) => {
    if (isOurs(event)) channels.get(event.sender.id)?.deliver(message)
  })

  handle('view:open', async (event, id) => {
    const process = typeof id === 'string' ? host.supervisor.process(id) : null
    if (!process) throw new RpcError('vm-busy', { id, state: 'off' })
    const session = new MessageChannelMain()
    const frames = new MessageChannelMain()
    process.openView(session.port1, frames.port1)
    event.sender.postMessage('view:ports', { id }, [session.port2, frames.port2])
  })

  // The path comes from the preload script, which asks the system for that of a dropped file.
  handle('image:drop', async (_event, path): Promise<ImageChoice> => {
    if (typeof path !== 'string' || !isAbsolute(path)) throw new RpcError('refused')
    return host.images.pick(path)
  })

  handle('folder:drop', async (_event, path): Promise<string> => {
    if (typeof path !== 'string' || !isAbsolute(path)) throw new RpcError('refused')
    return host.folders.pick(path)
  })

  handle('folder:pick', async (event, purpose): Promise<string | null> => {
    const window = BrowserWindow.fromWebContents(event.sender)
    if (!window) return null
    const { filePaths } = await dialog.showOpenDialog(window, {
      title: purpose === 'changes' ? 'Choose a folder for the changes' : 'Choose the folder of a machine',
      properties: ['openDirectory', 'createDirectory'],
    })
    return filePaths[0] === undefined ? null : host.folders.pick(filePaths[0])
  })

  handle('image:pick', async (event, purpose): Promise<ImageChoice | null> => {
    const window = BrowserWindow.fromWebContents(event.sender)
    if (!window) return null
    const { filePaths } = await dialog.showOpenDialog(window, {
      ...(purpose === 'machine' ? MACHINE_DIALOG : IMAGE_DIALOG),
      properties: ['openFile'],
    })
    return filePaths[0] === undefined ? null : host.images.pick(filePaths[0])
  })
}
