import * as v from 'valibot'
import { describe, expect, it, vi } from 'vitest'
import { channelPair } from './channel.ts'
import { technical } from './reasons.ts'
import { RpcClient, RpcError, RpcServer, type Contract } from './rpc.ts'

const contract = {
  calls: {
    double: { params: v.number(), result: v.number() },
    wait: { params: v.undefined(), result: v.undefined() },
    lie: { params: v.undefined(), result: v.number() },
    count: { params: v.number(), result: v.undefined() },
  },
  notices: { poke: v.string() },
  events: { tick: v.number() },
} satisfies Contract

function connect() {
  const [near, far] = channelPair()
  const poke = vi.fn()
  const aborted = vi.fn()
  const server = new RpcServer(
    contract,
    far,
    {
      double: (n) => {
        if (n === 13) throw new RpcError('unlucky', { n })
        if (n === 14) throw new TypeError('bug')
        return n * 2
      },
      wait: (_, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            aborted()
            resolve(undefined)
          }),
        ),
      lie: () => 'x' as unknown as number,
      count: (to, { progress }) => {
        for (let done = 0; done <= to; done++) progress(done / to)
      },
    },
    { poke },
  )
  return { near, far, poke, aborted, server, client: new RpcClient(contract, near) }
}

describe('rpc', () => {
  it('answers each call with its own result', async () => {
    const { client } = connect()
    expect(await Promise.all([client.call('double', 2), client.call('double', 5)])).toEqual([4, 10])
  })

  it('hands on error codes with details and hides the rest behind internal', async () => {
    const { client } = connect()
    await expect(client.call('double', 13)).rejects.toMatchObject({ code: 'unlucky', details: { n: 13 } })
    await expect(client.call('double', 14)).rejects.toMatchObject({
      code: 'internal',
      details: { reason: technical('bug') },
    })
  })

  it('gives what an older version said in words on as it is', async () => {
    const { client, far } = connect()
    const answer = client.call('wait', undefined)
    far.post({ kind: 'error', id: 1, code: 'old', details: { reason: 'its words' } })
    await expect(answer).rejects.toMatchObject({ code: 'old', details: { reason: technical('its words') } })
  })

  it('refuses what does not fit the contract', async () => {
    const { client, near, poke } = connect()
    await expect(client.call('double', 'x' as unknown as number)).rejects.toMatchObject({
      code: 'bad-request',
    })
    await expect(client.call('toString' as 'double', 1)).rejects.toMatchObject({ code: 'unknown-call' })
    await expect(client.call('lie', undefined)).rejects.toMatchObject({ code: 'bad-answer' })
    client.notify('poke', 7 as unknown as string)
    for (const junk of [null, 1, 'x', [], { kind: 'call' }, { kind: 'notice', name: '__proto__' }])
      near.post(junk)
    client.notify('poke', 'hello')
    await client.call('double', 1)
    expect(poke.mock.calls).toEqual([['hello']])
  })

  it('cancels a call on both sides', async () => {
    const { client, aborted } = connect()
    const controller = new AbortController()
    const call = client.call('wait', undefined, { signal: controller.signal })
    await client.call('double', 1)
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'cancelled' })
    await client.call('double', 1)
    expect(aborted).toHaveBeenCalledOnce()
  })

  it('tells how far a call is, by hundredths and never backwards', async () => {
    const { client, near } = connect()
    const told: number[] = []
    await client.call('count', 1000, { progress: (part) => void told.push(part) })
    expect(told).toEqual(Array.from({ length: 100 }, (_, at) => (at + 1) / 100))
    await client.call('count', 2) // nobody listens
    near.post({ kind: 'progress', id: 1, part: 7 })
  })

  it('fails calls that are open when the channel closes, and later ones', async () => {
    const { client, far } = connect()
    const call = client.call('wait', undefined)
    far.close()
    await expect(call).rejects.toMatchObject({ code: 'disconnected' })
    await expect(client.call('double', 1)).rejects.toMatchObject({ code: 'disconnected' })
  })

  it('delivers events that fit until the listener is taken off', async () => {
    const { client, server } = connect()
    const seen: number[] = []
    const off = client.on('tick', (n) => seen.push(n))
    server.emit('tick', 1)
    server.emit('tick', 'no' as unknown as number)
    await client.call('double', 1)
    off()
    server.emit('tick', 2)
    await client.call('double', 1)
    expect(seen).toEqual([1])
  })
})
