import { isIPv4 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { HostService } from '../host/host-service.ts'
import { libraryFolder } from '../host/locations.ts'
import { SpareProcess } from '../host/spare-process.ts'
import { ForkedVmProcesses } from '../host/vm-process.ts'
import { openAddress, openFolder } from './system-programs.ts'
import { hostBackend, WebHost, type TlsKeys } from './web-host.ts'

export interface ServeOptions {
  port: number
  /** Address to listen on. */
  host: string
  /** More names by which browsers reach it. */
  names: readonly string[]
  tls: TlsKeys | undefined
  openBrowser: boolean
}

/** Whether only this computer can reach an address. */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))

/** What browsers elsewhere call this computer, when it listens on all of its addresses. */
function ownNames(address: string): string[] {
  if (address !== '0.0.0.0' && address !== '::') return []
  const addresses = Object.values(networkInterfaces()).flatMap((of) => of ?? [])
  return [hostname(), ...addresses.map((of) => of.address)]
}

/**
 * Serves the library as web pages until a signal ends it. The state of every running machine is saved then; a second
 * signal switches them off instead.
 */
export async function serve({ port, host: address, names, tls, openBrowser }: ServeOptions): Promise<void> {
  const processes = new ForkedVmProcesses()
  const spare = new SpareProcess(processes.start)
  const host = await HostService.open(libraryFolder(), spare.take, async (path) =>
    isLoopback(address) ? openFolder(dirname(path)) : false,
  )
  const web = new WebHost(hostBackend(host), { tls })
  try {
    await web.listen(port, address, [...names, ...ownNames(address)])
  } catch (error) {
    spare.close()
    processes.close()
    throw error
  }
  const login = web.loginAddress()
  process.stdout.write(`Vitrine is at ${login}\n`)
  if (openBrowser) await openAddress(login)
  if (process.stdin.isTTY)
    createInterface({ input: process.stdin }).on('line', () =>
      process.stdout.write(`Vitrine is at ${web.loginAddress()}\n`),
    )
  await untilSignal()
  web.close()
  const running = host.supervisor.live.length
  if (running > 0)
    process.stderr.write(`vitrine: saving the state of ${running} running; again to switch off\n`)
  await Promise.race([host.close('save'), untilSignal()])
  await host.close('powerOff')
  spare.close()
  processes.close()
  process.exit(0)
}

/** Settles when somebody wants this program to end. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}
