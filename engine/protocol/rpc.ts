import * as v from 'valibot'
import type { Channel } from './channel.ts'
import { isReason, type Reason, technical, technicalOf, worded } from './reasons.ts'

/** What one side offers: calls with an answer, notices without one, and events in the other direction. */
export interface Contract {
  calls: Record<string, { params: v.GenericSchema; result: v.GenericSchema }>
  notices: Record<string, v.GenericSchema>
  events: Record<string, v.GenericSchema>
}

type Params<C extends Contract, K extends keyof C['calls']> = v.InferInput<C['calls'][K]['params']>
type Result<C extends Contract, K extends keyof C['calls']> = v.InferOutput<C['calls'][K]['result']>
/** What a handler gives back; nothing at all where the result is undefined. */
type Answer<R> = [R] extends [undefined] ? void : R
type Event<C extends Contract, K extends keyof C['events']> = v.InferOutput<C['events'][K]>

/** What a call that takes long is given: whether it is still wanted, and whom to tell how far it is. */
export interface CallTask {
  /** Whoever asked has cancelled it, or is gone. */
  readonly signal: AbortSignal
  /** @param part of it that is done, 0 to 1 */
  readonly progress: (part: number) => void
}

export type CallHandlers<C extends Contract> = {
  [K in keyof C['calls']]: (
    params: v.InferOutput<C['calls'][K]['params']>,
    task: CallTask,
  ) => Answer<Result<C, K>> | Promise<Answer<Result<C, K>>>
}
export type NoticeHandlers<C extends Contract> = {
  [K in keyof C['notices']]: (data: v.InferOutput<C['notices'][K]>) => void
}

/** What the text of an error is made of. A reason that is none, from something of another version, stays as it is. */
export const ErrorDetails = v.objectWithRest(
  {
    reason: v.optional(
      v.pipe(
        v.unknown(),
        v.transform((given): Reason => (isReason(given) ? given : technical(String(given)))),
      ),
    ),
  },
  v.unknown(),
)
export type ErrorDetails = v.InferOutput<typeof ErrorDetails>

/** An error with a code that programs test and details that texts are made of. */
export class RpcError extends Error {
  constructor(
    readonly code: string,
    readonly details: ErrorDetails = {},
  ) {
    super([code, ...Object.values(details).map(worded)].join(': '))
    this.name = 'RpcError'
  }
}

const id = v.pipe(v.number(), v.safeInteger())
const ToServer = v.variant('kind', [
  v.strictObject({ kind: v.literal('call'), id, name: v.string(), params: v.optional(v.unknown()) }),
  v.strictObject({ kind: v.literal('cancel'), id }),
  v.strictObject({ kind: v.literal('notice'), name: v.string(), data: v.optional(v.unknown()) }),
])
const ToClient = v.variant('kind', [
  v.strictObject({ kind: v.literal('result'), id, value: v.optional(v.unknown()) }),
  v.strictObject({
    kind: v.literal('error'),
    id,
    code: v.string(),
    details: v.optional(ErrorDetails, {}),
  }),
  v.strictObject({ kind: v.literal('progress'), id, part: v.pipe(v.number(), v.minValue(0), v.maxValue(1)) }),
  v.strictObject({ kind: v.literal('event'), name: v.string(), data: v.optional(v.unknown()) }),
])

/** An error's code and details when it has them; everything else is `internal` with its message. */
export function describeError(error: unknown): { code: string; details: ErrorDetails } {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const details = 'details' in error && typeof error.details === 'object' ? error.details : null
    if (details) return { code: error.code, details: v.parse(ErrorDetails, { ...details }) }
  }
  return { code: 'internal', details: { reason: technicalOf(error) } }
}

const own = <T>(table: Record<string, T>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

/** Answers one channel. Whatever does not fit the contract is refused and never reaches a handler. */
export class RpcServer<C extends Contract> {
  #running = new Map<number, AbortController>()

  constructor(
    private readonly contract: C,
    private readonly channel: Channel,
    private readonly calls: CallHandlers<C>,
    private readonly notices: NoticeHandlers<C>,
    onClose: () => void = () => {},
  ) {
    channel.onMessage((message) => this.#receive(message))
    channel.onClose(() => {
      for (const controller of this.#running.values()) controller.abort()
      onClose()
    })
  }

  emit<K extends keyof C['events'] & string>(name: K, data: v.InferInput<C['events'][K]>): void {
    this.channel.post({ kind: 'event', name, data })
  }

  #receive(raw: unknown): void {
    const parsed = v.safeParse(ToServer, raw)
    if (!parsed.success) return
    const message = parsed.output
    if (message.kind === 'cancel') this.#running.get(message.id)?.abort()
    else if (message.kind === 'notice') this.#notice(message.name, message.data)
    else
      this.#call(message.id, message.name, message.params).then(
        (value) => this.channel.post({ kind: 'result', id: message.id, value }),
        (error) => this.channel.post({ kind: 'error', id: message.id, ...describeError(error) }),
      )
  }

  async #call(callId: number, name: string, params: unknown): Promise<unknown> {
    const call = own(this.contract.calls, name)
    const handler = own(this.calls, name)
    if (!call || !handler) throw new RpcError('unknown-call', { name })
    const parsed = v.safeParse(call.params, params)
    if (!parsed.success) {
      const issue = parsed.issues[0]
      throw new RpcError('bad-request', {
        name,
        reason: technical(`${v.getDotPath(issue) ?? 'value'}: ${issue.message}`),
      })
    }
    const controller = new AbortController()
    this.#running.set(callId, controller)
    try {
      let told = 0
      return await handler(parsed.output, {
        signal: controller.signal,
        progress: (part) => {
          const hundredths = Math.floor(Math.min(1, Math.max(0, part)) * 100)
          if (hundredths > told) this.channel.post({ kind: 'progress', id: callId, part: hundredths / 100 })
          told = Math.max(told, hundredths)
        },
      })
    } finally {
      this.#running.delete(callId)
    }
  }

  #notice(name: string, data: unknown): void {
    const schema = own(this.contract.notices, name)
    const handler = own(this.notices, name)
    const parsed = schema && v.safeParse(schema, data)
    if (parsed?.success) handler?.(parsed.output)
  }
}

interface Waiting {
  name: string
  progress: ((part: number) => void) | undefined
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Calls the other side. The other side is not trusted either: results and events are checked as well. */
export class RpcClient<C extends Contract> {
  #nextId = 1
  #waiting = new Map<number, Waiting>()
  #listeners = new Map<string, Set<(data: never) => void>>()
  #closed = false

  constructor(
    private readonly contract: C,
    private readonly channel: Channel,
    onClose: () => void = () => {},
  ) {
    channel.onMessage((message) => this.#receive(message))
    channel.onClose(() => {
      this.#closed = true
      for (const waiting of this.#waiting.values()) waiting.reject(new RpcError('disconnected'))
      this.#waiting.clear()
      onClose()
    })
  }

  call<K extends keyof C['calls'] & string>(
    name: K,
    params: Params<C, K>,
    { signal, progress }: Partial<CallTask> = {},
  ): Promise<Result<C, K>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new RpcError('disconnected'))
      if (signal?.aborted) return reject(new RpcError('cancelled', { name }))
      const callId = this.#nextId++
      this.#waiting.set(callId, { name, progress, resolve, reject })
      this.channel.post({ kind: 'call', id: callId, name, params })
      signal?.addEventListener('abort', () => {
        if (!this.#waiting.delete(callId)) return
        this.channel.post({ kind: 'cancel', id: callId })
        reject(new RpcError('cancelled', { name }))
      })
    })
  }

  notify<K extends keyof C['notices'] & string>(name: K, data: v.InferInput<C['notices'][K]>): void {
    this.channel.post({ kind: 'notice', name, data })
  }

  /** @returns a function that takes the listener off again. */
  on<K extends keyof C['events'] & string>(name: K, listener: (data: Event<C, K>) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    const entry: (data: never) => void = listener
    listeners.add(entry)
    return () => listeners.delete(entry)
  }

  close(): void {
    this.channel.close()
  }

  #receive(raw: unknown): void {
    const parsed = v.safeParse(ToClient, raw)
    if (!parsed.success) return
    const message = parsed.output
    if (message.kind === 'event') {
      const schema = own(this.contract.events, message.name)
      const data = schema && v.safeParse(schema, message.data)
      if (data?.success)
        for (const listener of this.#listeners.get(message.name) ?? []) listener(data.output as never)
      return
    }
    const waiting = this.#waiting.get(message.id)
    if (!waiting) return
    if (message.kind === 'progress') return waiting.progress?.(message.part)
    this.#waiting.delete(message.id)
    if (message.kind === 'error') return waiting.reject(new RpcError(message.code, message.details))
    const result = v.safeParse(this.contract.calls[waiting.name]!.result, message.value)
    if (result.success) waiting.resolve(result.output)
    else
      waiting.reject(
        new RpcError('bad-answer', { name: waiting.name, reason: technical(result.issues[0].message) }),
      )
  }
}
