import { createHash } from 'node:crypto'
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import { ChannelEnd, type Channel } from '../../engine/protocol/channel.ts'
import { because } from '../../engine/protocol/reasons.ts'
import {
  RpcClient,
  RpcError,
  RpcServer,
  type CallHandlers,
  type Contract,
} from '../../engine/protocol/rpc.ts'
import { SnapshotId, SnapshotName, SnapshotNotes } from '../../engine/protocol/snapshot.ts'
import { VM_STATES } from '../../engine/protocol/vm.ts'

const nothing = v.undefined()
const simple = { params: nothing, result: nothing }

/** What other programs of this user may ask of whoever runs a machine. */
export const controlContract = {
  calls: {
    state: {
      params: nothing,
      result: v.object({ state: v.picklist(VM_STATES), pid: v.number() }),
    },
    pause: simple,
    resume: simple,
    reset: simple,
    powerButton: simple,
    powerOff: simple,
    saveState: simple,
    /** Answers with its id. */
    takeSnapshot: {
      params: v.strictObject({ name: SnapshotName, notes: SnapshotNotes }),
      result: v.object({ id: SnapshotId }),
    },
    deleteSnapshot: { params: v.strictObject({ snapshot: SnapshotId }), result: nothing },
    /** Answers once what deleted snapshots left is merged, as far as it can be. */
    mergeSnapshots: simple,
  },
  notices: {},
  events: {},
} satisfies Contract
export type ControlContract = typeof controlContract
export type ControlHandlers = CallHandlers<ControlContract>

const SOCKET = 'control.sock'
/** Longest path that a Unix socket can have everywhere. */
const MAX_PATH = 103
const MAX_LINE_BYTES = 65536
const MAX_CLIENTS = 16

/** Where the socket of a machine's folder is: in it, or on Windows a pipe that is named after it. */
function placeOf(folder: string): string {
  if (process.platform !== 'win32') return join(folder, SOCKET)
  return `\\\\.\\pipe\\vitrine-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`
}

/**
 * Serves a machine's controls in its folder, which only its owner can enter; to be opened while the machine's lock
 * is held. What an earlier holder left behind is replaced. Throws `option-invalid` where there can be no socket.
 */
export async function serveControl(folder: string, handlers: ControlHandlers): Promise<ControlSocket> {
  const path = placeOf(folder)
  const isFile = process.platform !== 'win32'
  if (isFile && Buffer.byteLength(path) > MAX_PATH)
    throw new RpcError('option-invalid', {
      option: path,
      reason: because('socket-path-too-long'),
    })
  if (isFile) await rm(path, { force: true })
  const clients = new Set<RpcServer<ControlContract>>()
  const server = createServer((socket) => {
    const client = new RpcServer<ControlContract>(controlContract, lineChannel(socket), handlers, {}, () =>
      clients.delete(client),
    )
    clients.add(client)
  })
  server.maxConnections = MAX_CLIENTS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  if (isFile) await chmod(path, 0o600)
  return new ControlSocket(server)
}

export class ControlSocket {
  constructor(private readonly server: Server) {}

  /** Takes no more clients, and the socket away; answers that are on their way still arrive. */
  close(): void {
    this.server.close()
  }
}

/** The controls of a running machine; null when nobody serves them. */
export async function openControl(folder: string): Promise<RpcClient<ControlContract> | null> {
  const socket = connect(placeOf(folder))
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    // Nobody made one, or who made it has gone.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EINVAL') return null
    throw error
  }
  return new RpcClient<ControlContract>(controlContract, lineChannel(socket))
}

/** JSON messages, one a line. What is longer than a message can be, or no JSON, ends the connection. */
function lineChannel(socket: Socket): Channel {
  const end = new ChannelEnd(
    (message) => socket.write(JSON.stringify(message) + '\n'),
    () => socket.end(),
  )
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE_BYTES || lines.some((line) => line.length > MAX_LINE_BYTES))
      return void socket.destroy()
    try {
      for (const line of lines) end.deliver(JSON.parse(line))
    } catch {
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => end.closed())
  return end
}
