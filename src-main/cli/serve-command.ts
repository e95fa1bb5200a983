import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Command } from 'commander'
import { isLoopback, serve } from '../web/serve.ts'
import type { TlsKeys } from '../web/web-host.ts'
import { UsageError } from './usage-error.ts'

interface ServeArguments {
  port: string
  host: string
  name?: string[]
  tlsCert?: string
  tlsKey?: string
  insecure?: boolean
  open?: boolean
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('offer the library as a web page of this computer')
    .description(
      `Serves the manager as a web page until it is interrupted. Ctrl+C saves the state of every running machine, and
the next start goes on from there; Ctrl+C a second time switches them off.

Who opens the address that is printed may do everything with the library. It works for one browser, once; Enter prints
another.`,
    )
    .option('--port <PORT>', 'port to listen on; 0 for a free one', '0')
    .option('--host <ADDRESS>', 'address to listen on; others than this computer need TLS', '127.0.0.1')
    .option('--name <HOST>', 'a name by which browsers reach it; repeatable, the first is printed', collect)
    .option('--tls-cert <FILE>', 'certificate chain in PEM, for encrypted connections')
    .option('--tls-key <FILE>', 'private key of the certificate in PEM')
    .option('--insecure', 'listen for other computers without TLS: who listens in can take over the library')
    .option('--open', 'open the browser')
    .action(async (options: ServeArguments) => {
      const { port, host, name, open } = options
      if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
        throw new UsageError(`--port ${port}: it is not a port`)
      const tls = await tlsKeys(options)
      if (!tls && !isLoopback(host) && !options.insecure)
        throw new UsageError(
          `--host ${host}: other computers could listen in; give --tls-cert and --tls-key, or --insecure`,
        )
      await serve({ port: Number(port), host, names: name ?? [], tls, openBrowser: open ?? false })
    })
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]

/** Throws `UsageError` for files that cannot be read or do not belong together. */
async function tlsKeys({ tlsCert, tlsKey }: ServeArguments): Promise<TlsKeys | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    throw new UsageError('--tls-cert and --tls-key belong together: give both')
  const [cert, key] = [await pem('--tls-cert', tlsCert), await pem('--tls-key', tlsKey)]
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw new UsageError(`--tls-cert ${tlsCert} with --tls-key ${tlsKey}: ${reasonOf(error)}`)
  }
  return { cert, key }
}

async function pem(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`${option} ${path}: ${reasonOf(error)}`)
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
