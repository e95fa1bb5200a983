import { OpenParts } from '../base/open-parts.ts'
import type { PortMap } from '../bus/port-map.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import type { HostFault } from '../protocol/vm.ts'
import type { Board } from './board.ts'
import { DebugFile } from './debug-file.ts'

/** Files that take what the guest says on port E9h, to the printer and on logged ports, each in the order of the writes. */
export class DebugOutputs {
  readonly #files = new OpenParts()

  /** Opens all of them or none. Throws `file-unusable`. */
  constructor(
    { console: path, parallel, portLogs }: MachineConfig['debug'],
    board: Board,
    ports: PortMap,
    private readonly onFault: (fault: HostFault) => void,
  ) {
    this.#files.fill(() => {
      if (path !== undefined) {
        const file = this.#open(path, 'fresh')
        board.debugConsole.onOutput((bytes) => file.write(bytes))
      }
      if (parallel !== undefined) {
        const file = this.#open(parallel, 'append')
        board.parallel.onOutput((bytes) => file.write(bytes))
      }
      for (const log of portLogs) {
        const file = this.#open(log.path, 'append')
        ports.onWrite(log.port, (byte) => file.write(Uint8Array.of(byte)))
      }
    })
  }

  close(): void {
    this.#files.close()
  }

  #open(path: string, mode: 'fresh' | 'append'): DebugFile {
    return this.#files.add(
      new DebugFile(path, mode, ({ kind, reason }) =>
        this.onFault({ drive: null, operation: 'write', path, kind, reason }),
      ),
    )
  }
}
