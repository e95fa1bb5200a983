import { Command, Option } from 'commander'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import { faultText } from '../host/fault-text.ts'
import { HostService } from '../host/host-service.ts'
import { libraryFolder } from '../host/locations.ts'
import { ForkedVmProcesses } from '../host/vm-process.ts'
import { hostBackend, WebHost } from '../web/web-host.ts'
import { untilSignal } from '../web/serve.ts'
import { EXIT } from './exit.ts'

/** As a shell counts a program that Ctrl+C ended. */
const INTERRUPTED = 130

export function startCommand(finish: (status: number) => void): Command {
  return new Command('start')
    .summary('run a machine of the library until it ends')
    .description(
      'Runs a machine of the library, from its saved state when it has one, until it ends. Ctrl+C saves its state and ends it; Ctrl+C a second time pulls the plug. Other commands reach it meanwhile: stop, pause, resume, reset, save.',
    )
    .argument('<id>', 'of the machine')
    .addOption(
      new Option('--display <KIND>', 'web: the screen as a page of this computer; or none')
        .choices(['web', 'none'])
        .default('web'),
    )
    .option('--disposable', 'throw away what it writes to disks and floppies')
    .action(async (id: string, options: { display: 'web' | 'none'; disposable?: boolean }) =>
      finish(await start(id, options.display, options.disposable ?? false)),
    )
}

/** @returns the exit status */
async function start(id: string, display: 'web' | 'none', disposable: boolean): Promise<number> {
  const processes = new ForkedVmProcesses()
  const host = await HostService.open(libraryFolder(), processes.start)
  const web = display === 'web' ? new WebHost(hostBackend(host)) : null
  try {
    const [near, far] = channelPair()
    host.serve(far)
    const client = new RpcClient<HostContract>(hostContract, near)
    client.on('fault', ({ fault }) => process.stderr.write(`vitrine: ${faultText(fault)}\n`))
    await client.call('start', { id, disposable })
    if (web) {
      await web.listen(0)
      process.stderr.write(`The screen is at ${web.loginAddress()}\n`)
    }
    const signal = untilSignal()
    const interrupted = await Promise.race([
      signal.then(() => true),
      host.supervisor.ended(id).then(() => false),
    ])
    if (interrupted) {
      await Promise.race([host.close('save'), untilSignal()])
      return INTERRUPTED
    }
    const { state, reason } = host.supervisor.status(id)
    if (state === 'aborted') process.stderr.write(`vitrine: ${reason}\n`)
    return state === 'aborted' ? EXIT.crashed : EXIT.ok
  } finally {
    web?.close()
    await host.close('powerOff')
    processes.close()
  }
}
