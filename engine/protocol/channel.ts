/**
 * What all pipes between processes, threads and windows look like from here. Messages are plain data that
 * survives JSON, so that the same protocol runs over a MessagePort, process messages and a WebSocket.
 */
export interface Channel {
  post(message: unknown): void
  /** Replaces the listener. Messages that came before are kept for it. */
  onMessage(listener: (message: unknown) => void): void
  /** Replaces the listener; called once, at once when already closed. */
  onClose(listener: () => void): void
  close(): void
}

/** A channel whose far side is fed by hand: adapters give it messages with `deliver` and `closed`. */
export class ChannelEnd implements Channel {
  #early: unknown[] = []
  #listener: ((message: unknown) => void) | undefined
  #onClose: (() => void) | undefined
  #closed = false

  constructor(
    private readonly send: (message: unknown) => void,
    private readonly shut: () => void = () => {},
  ) {}

  post(message: unknown): void {
    if (!this.#closed) this.send(message)
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listener = listener
    for (const message of this.#early.splice(0)) listener(message)
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else this.#onClose = listener
  }

  close(): void {
    if (this.#closed) return
    this.shut()
    this.closed()
  }

  deliver(message: unknown): void {
    if (this.#listener) this.#listener(message)
    else this.#early.push(message)
  }

  closed(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose?.()
  }
}

/** Two ends in one process; messages arrive asynchronously, as everywhere else. */
export function channelPair(): [Channel, Channel] {
  const ends: ChannelEnd[] = [0, 1].map(
    (side) =>
      new ChannelEnd(
        (message) => queueMicrotask(() => ends[1 - side]?.deliver(message)),
        () => queueMicrotask(() => ends[1 - side]?.closed()),
      ),
  )
  return [ends[0]!, ends[1]!]
}
