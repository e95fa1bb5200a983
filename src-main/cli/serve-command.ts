import { Command } from 'commander'
import { serve } from '../web/serve.ts'
import { UsageError } from './usage-error.ts'

interface ServeArguments {
  port: string
  host: string
  open?: boolean
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('offer the library as a web page of this computer')
    .description(
      `Serves the manager as a web page until it is interrupted. Ctrl+C saves the state of every running machine, and
the next start goes on from there; Ctrl+C a second time switches them off.`,
    )
    .option('--port <PORT>', 'port to listen on; 0 for a free one', '0')
    .option('--host <ADDRESS>', 'address to listen on', '127.0.0.1')
    .option('--open', 'open the browser')
    .action(async ({ port, host, open }: ServeArguments) => {
      if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
        throw new UsageError(`--port ${port}: it is not a port`)
      await serve({ port: Number(port), host, openBrowser: open ?? false })
    })
}
