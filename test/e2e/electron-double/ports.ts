/** Message ports between the double's main process, pages and utility processes: who holds an end, and what waits for it. */
export interface Holder {
  deliver(end: number, data: unknown): void
  closed(end: number): void
}

interface End {
  peer: number
  holder: Holder | null
  waiting: unknown[]
}

/** Stands for one end in the main process, which only ever hands ends on. */
export class PortEnd {
  constructor(readonly id: number) {}
}

export class PortHub {
  #ends = new Map<number, End>()
  #nextId = 1

  pair(): [PortEnd, PortEnd] {
    const [a, b] = [this.#nextId++, this.#nextId++]
    this.#ends.set(a, { peer: b, holder: null, waiting: [] })
    this.#ends.set(b, { peer: a, holder: null, waiting: [] })
    return [new PortEnd(a), new PortEnd(b)]
  }

  transfer(id: number, holder: Holder): void {
    const end = this.#ends.get(id)
    if (!end) return
    end.holder = holder
    for (const data of end.waiting.splice(0)) holder.deliver(id, data)
  }

  /** What the holder of an end posted there. */
  posted(id: number, data: unknown): void {
    const peerId = this.#ends.get(id)?.peer
    const peer = peerId === undefined ? undefined : this.#ends.get(peerId)
    if (!peer || peerId === undefined) return
    if (peer.holder) peer.holder.deliver(peerId, data)
    else peer.waiting.push(data)
  }

  close(id: number): void {
    const end = this.#ends.get(id)
    if (!end) return
    this.#ends.delete(id)
    const peer = this.#ends.get(end.peer)
    this.#ends.delete(end.peer)
    peer?.holder?.closed(end.peer)
  }

  /** A page or process has gone, and its ends with it. */
  closeAll(holder: Holder): void {
    const held = Array.from(this.#ends).filter(([, end]) => end.holder === holder)
    for (const [id] of held) this.close(id)
  }
}
