import { randomUUID } from 'node:crypto'
import { ChannelEnd, type Channel } from '../../engine/protocol/channel.ts'
import type { SerialLinkTarget } from '../../engine/protocol/serial-target.ts'
import { prepareWorker } from '../../engine/service/prepare-worker.ts'
import { VmService, type SerialLink, type VmHost } from '../../engine/service/vm-service.ts'
import { writeFileAtomically } from '../host/atomic-file.ts'
import { bundled } from '../host/locations.ts'
import { openFile, openPty, openTcp } from '../host/serial-links.ts'
import { servePortView, type PortLike } from './port-view.ts'
import { ProcessPriority } from './process-priority.ts'
import { syncFile } from './sync-file.ts'
import { serveViews } from './view-server.ts'

/**
 * Entry of the process that one virtual machine has for itself. Under Electron it is a utility process whose
 * views come as message ports; elsewhere a child process whose views come over a socket that only its host reaches.
 */
interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown; ports: PortLike[] }) => void): void
  postMessage(message: unknown): void
}

async function openSerial(
  target: SerialLinkTarget,
  toGuest: (bytes: Uint8Array) => void,
): Promise<SerialLink | null> {
  switch (target.kind) {
    case 'console':
      return null
    case 'file':
      return openFile(target.path)
    case 'tcp':
      return openTcp(target.host, target.port, toGuest)
    case 'pty':
      return openPty(toGuest)
  }
}

const LAST_WORDS_MS = 50

const worker = prepareWorker(bundled('main', 'machine-worker.js'))
const priority = new ProcessPriority()
const host: VmHost = {
  // What users see in their list of processes, apart from one that waits.
  begin: () => void (process.title = 'vitrine machine'),
  usage() {
    const { user, system } = process.cpuUsage()
    return { cpuMs: (user + system) / 1000, memoryBytes: process.memoryUsage.rss() }
  },
  openSerial,
  writeFile: writeFileAtomically,
  syncFile,
  setPriority: (wanted) => priority.set(wanted),
}

const service = (control: Channel): VmService =>
  new VmService(worker, control, host, () => {
    // What was said last must leave before the process does. An orderly exit would wait a second for V8's compilers.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_WORDS_MS)
  })

function runAsUtilityProcess(parent: ParentPort): void {
  const control = new ChannelEnd((message) => parent.postMessage(message))
  const vm = service(control)
  parent.on('message', ({ data, ports }) => {
    const [session, frames] = ports
    if (session && frames) servePortView(vm.views, randomUUID(), session, frames)
    else control.deliver(data)
  })
}

async function runAsChild(socketPath: string): Promise<void> {
  const control = new ChannelEnd((message) => void process.send?.(message))
  process.on('message', (message) => control.deliver(message))
  process.on('disconnect', () => control.closed())
  // The host may have gone while the modules were being loaded.
  if (!process.connected) control.closed()
  // A terminal's Ctrl+C reaches the whole group; the host says when a machine ends.
  process.on('SIGINT', () => {})
  const views = serveViews(socketPath)
  await views.listening
  views.serve(service(control).views)
}

const { parentPort } = process as unknown as { parentPort?: ParentPort }
if (parentPort) runAsUtilityProcess(parentPort)
else await runAsChild(process.argv[2]!)
