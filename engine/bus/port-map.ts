import { EngineError } from '../base/errors.ts'
import { type AccessSize, type BulkPort, type BusDevice, bulkPort, floating } from './bus-device.ts'

export interface PortRange {
  /** Shown to the user and in overlap errors. */
  name: string
  base: number
  length: number
  /** Widest access that the device takes in one piece, in bytes; wider ones are split, lowest address first. */
  width?: AccessSize
}

interface Claim extends PortRange {
  width: AccessSize
  device: BusDevice
  /** The device's own, bound: to look for a method in objects of thirty shapes costs more than most answers. */
  read: BusDevice['read']
  write: BusDevice['write']
}

/** Handle of a claimed range: moving or releasing it is how a BAR changes. */
export interface PortClaim {
  release(): void
}

/** The 64 Ki I/O ports. */
export class PortMap {
  #claims = new Array<Claim | undefined>(0x10000)
  #listeners = new Map<number, (byte: number) => void>()
  /** By port, since creation. A repeated string access that goes in one piece counts once. */
  #accesses = new Float64Array(0x10000)

  /** Claims a range of ports. Throws `bus-overlap` when one of them is taken. */
  map(range: PortRange, device: BusDevice): PortClaim {
    const { name, base, length, width = 1 } = range
    const [read, write] = [device.read.bind(device), device.write.bind(device)]
    const claim: Claim = { name, base, length, width, device, read, write }
    const end = range.base + range.length
    for (let port = range.base; port < end; port++) {
      const taken = this.#claims[port]
      if (taken) throw new EngineError('bus-overlap', { wanted: range.name, taken: taken.name })
    }
    this.#claims.fill(claim, range.base, end)
    return {
      release: () => {
        for (let port = range.base; port < end; port++)
          if (this.#claims[port] === claim) this.#claims[port] = undefined
      },
    }
  }

  /** True when nothing claims any port of the range. */
  isFree(base: number, length: number): boolean {
    for (let port = base; port < base + length; port++) if (this.#claims[port & 0xffff]) return false
    return true
  }

  /** The bulk path of the data port at `port`: only where a claim starts, and only if its device has one. */
  bulk(port: number): BulkPort | undefined {
    if (this.#listeners.has(port)) return undefined
    const claim = this.#claims[port]
    const bulk = claim?.base === port ? bulkPort(claim.device) : undefined
    if (bulk) this.#accesses[port]!++
    return bulk
  }

  /** The ports that were accessed most, as "device port" in hexadecimal, with how often. */
  busiest(most: number): Record<string, number> {
    // Most of the 65,536 are never used, and this is asked for while the machine runs.
    const used: [port: number, count: number][] = []
    this.#accesses.forEach((count, port) => {
      if (count > 0) used.push([port, count])
    })
    const busiest = used.toSorted(([, a], [, b]) => b - a).slice(0, most)
    return Object.fromEntries(
      busiest.map(([port, count]) => [
        `${this.#claims[port]?.name ?? 'nothing'} ${port.toString(16)}h`,
        count,
      ]),
    )
  }

  read(port: number, size: AccessSize): number {
    this.#accesses[port]!++
    return this.#read(port, size)
  }

  #read(port: number, size: AccessSize): number {
    const claim = this.#claims[port]
    if (!claim && size === 1) return 0xff
    if (claim && size <= claim.width && port - claim.base + size <= claim.length)
      return claim.read(port - claim.base, size)
    if (size === 1) return floating(1)
    const half = (size >> 1) as AccessSize
    return (this.#read(port, half) | (this.#read((port + half) & 0xffff, half) << (8 * half))) >>> 0
  }

  /** Tells of each byte written to a port, whatever answers there. One listener a port: a later one takes its place. */
  onWrite(port: number, listener: (byte: number) => void): void {
    this.#listeners.set(port, listener)
  }

  write(port: number, value: number, size: AccessSize): void {
    this.#accesses[port]!++
    if (this.#listeners.size > 0)
      for (let at = 0; at < size; at++)
        this.#listeners.get((port + at) & 0xffff)?.((value >>> (8 * at)) & 0xff)
    this.#write(port, value, size)
  }

  #write(port: number, value: number, size: AccessSize): void {
    const claim = this.#claims[port]
    if (claim && size <= claim.width && port - claim.base + size <= claim.length)
      return claim.write(port - claim.base, value, size)
    if (size === 1) return
    const half = (size >> 1) as AccessSize
    this.#write(port, half === 1 ? value & 0xff : value & 0xffff, half)
    this.#write((port + half) & 0xffff, value >>> (8 * half), half)
  }
}
