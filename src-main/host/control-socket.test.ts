import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { openControl, serveControl, type ControlHandlers, type ControlSocket } from './control-socket.ts'

let folder: string
let socket: ControlSocket | null = null
let asked: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-control-'))
  asked = []
})
afterEach(async () => {
  socket?.close()
  await rm(folder, { recursive: true })
})

const note = (name: string) => () => void asked.push(name)
const handlers = (): ControlHandlers => ({
  state: () => ({ state: 'running', pid: 42 }),
  pause: note('pause'),
  resume: () => {
    throw new RpcError('vm-busy', { id: 'x', state: 'running' })
  },
  reset: note('reset'),
  powerButton: note('powerButton'),
  powerOff: note('powerOff'),
  saveState: note('saveState'),
  takeSnapshot: () => ({ id: '0123456789ab' }),
  deleteSnapshot: note('deleteSnapshot'),
  mergeSnapshots: note('mergeSnapshots'),
})

describe.skipIf(process.platform === 'win32')('the control socket of a machine', () => {
  it('passes on what it is asked, and the reasons for refusals', async () => {
    socket = await serveControl(folder, handlers())
    const control = (await openControl(folder))!
    expect(await control.call('state', undefined)).toEqual({ state: 'running', pid: 42 })
    await control.call('pause', undefined)
    await expect(control.call('resume', undefined)).rejects.toMatchObject({ code: 'vm-busy' })
    expect(asked).toEqual(['pause'])
    control.close()
  })

  it('lets in its owner only', async () => {
    socket = await serveControl(folder, handlers())
    expect((await stat(join(folder, 'control.sock'))).mode & 0o777).toBe(0o600)
  })

  it('is there only as long as the machine runs, whatever an earlier one left', async () => {
    expect(await openControl(folder)).toBeNull()
    await writeFile(join(folder, 'control.sock'), 'left behind')
    expect(await openControl(folder)).toBeNull()
    socket = await serveControl(folder, handlers())
    const control = (await openControl(folder))!
    socket.close()
    // Who is connected still gets an answer.
    expect(await control.call('state', undefined)).toMatchObject({ state: 'running' })
    control.close()
    expect(await openControl(folder)).toBeNull()
    expect(await readdir(folder)).toEqual([])
  })

  it('refuses what does not fit the protocol, and hangs up on what is none', async () => {
    socket = await serveControl(folder, handlers())
    const say = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const client = connect(join(folder, 'control.sock'))
        let heard = ''
        client.setEncoding('utf8').on('data', (part: string) => {
          heard += part
          client.end()
        })
        client.on('error', () => {})
        client.on('close', () => resolve(heard))
        client.write(text)
      })
    expect(await say('{"kind":"call","id":1,"name":"__proto__"}\n')).toMatch(/unknown-call/)
    expect(await say('{"kind":"call","id":1,"name":"pause","params":"now"}\n')).toMatch(/bad-request/)
    expect(await say('no json\n')).toBe('')
    expect(await say('x'.repeat(200_000))).toBe('')
    expect(asked).toEqual([])
  })

  it('says so where the path is too long for one', async () => {
    await expect(serveControl(join(folder, 'x'.repeat(120)), handlers())).rejects.toMatchObject({
      code: 'option-invalid',
    })
  })
})
