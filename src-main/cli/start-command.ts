import { Command, Option } from 'commander'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { worded } from '../../engine/protocol/reasons.ts'
import { RpcClient, RpcError } from '../../engine/protocol/rpc.ts'
import { faultText } from '../host/fault-text.ts'
import { HostService } from '../host/host-service.ts'
import { libraryFolder } from '../host/locations.ts'
import { ForkedVmProcesses } from '../host/vm-process.ts'
import { hostBackend, WebHost } from '../web/web-host.ts'
import { untilSignal } from '../web/serve.ts'
import { EXIT } from './exit.ts'
import { askSecret, canAsk, readSecret } from './secret.ts'

/** As a shell counts a program that Ctrl+C ended. */
const INTERRUPTED = 130

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]

interface Options {
  display: 'web' | 'none'
  disposable?: boolean
  secretFile?: string[]
}

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
    .option(
      '--secret-file <FILE>',
      'file with the passphrase of an encrypted disk, which is asked for otherwise; repeatable',
      collect,
    )
    .action(async (id: string, { display, disposable = false, secretFile = [] }: Options) => {
      const secrets = secretFile.map((file) => readSecret('--secret-file', file))
      finish(await start(id, display, disposable, secrets))
    })
}

/** @returns the exit status */
async function start(
  id: string,
  display: Options['display'],
  disposable: boolean,
  secrets: string[],
): Promise<number> {
  const processes = new ForkedVmProcesses()
  const host = await HostService.open(libraryFolder(), processes.start)
  const web = display === 'web' ? new WebHost(hostBackend(host)) : null
  try {
    const [near, far] = channelPair()
    host.serve(far)
    const client = new RpcClient<HostContract>(hostContract, near)
    client.on('fault', ({ fault }) => process.stderr.write(`vitrine: ${faultText(fault)}\n`))
    await started(client, { id, disposable, secrets })
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
    if (state === 'aborted') process.stderr.write(`vitrine: ${worded(reason)}\n`)
    return state === 'aborted' ? EXIT.crashed : EXIT.ok
  } finally {
    web?.close()
    await host.close('powerOff')
    processes.close()
  }
}

/** Starts it, and asks for a passphrase that is missing where there is somebody to ask. */
async function started(
  client: RpcClient<HostContract>,
  order: { id: string; disposable: boolean; secrets: string[] },
): Promise<void> {
  try {
    await client.call('start', order)
  } catch (error) {
    if (!(error instanceof RpcError && error.code === 'passphrase-missing' && canAsk())) throw error
    const secret = await askSecret(`Passphrase of ${String(error.details['path'])}: `)
    if (secret === '') throw error
    await client.call('start', { ...order, secrets: [secret] })
  }
}
