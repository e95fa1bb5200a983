import { utilityProcess, type MessagePortMain } from 'electron'
import { ChannelEnd } from '../../engine/protocol/channel.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { bundled } from '../host/locations.ts'
import { ALLOCATOR_ENVIRONMENT, type VmProcess } from '../host/vm-process.ts'

export interface UtilityVmProcess extends VmProcess {
  /** Hands the process the far ends of a view's two ports. */
  openView(session: MessagePortMain, frames: MessagePortMain): void
}

export function startUtilityProcess(): UtilityVmProcess {
  const child = utilityProcess.fork(bundled('main', 'vm-process.js'), [], {
    serviceName: 'Vitrine machine',
    stdio: 'ignore',
    env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
  })
  const control = new ChannelEnd((message) => child.postMessage(message))
  child.on('message', (message: unknown) => control.deliver(message))
  child.on('exit', () => control.closed())
  return {
    control,
    onExit: (listener) =>
      void child.on('exit', (code) => listener(because('process-ended', { status: code }))),
    kill: () => void child.kill(),
    openView: (session, frames) => child.postMessage({ kind: 'view' }, [session, frames]),
  }
}
