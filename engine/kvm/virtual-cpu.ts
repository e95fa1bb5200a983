import { CPUID_ENTRY, CPUID_HEADER_BYTES, EXIT, MSRS, RUN } from './abi.ts'
import { HostArea } from './host-area.ts'
import { ioctl, KvmError, type Request, tryIoctl } from './ioctl.ts'
import { takeKick, withoutKick } from './kick.ts'
import { EINTR, SYS, type SystemCalls } from './system-calls.ts'

const PROT_READ_WRITE = 3
const MAP_SHARED_FIXED = 0x11
const MAP_ANONYMOUS_FIXED = 0x32
/** Structures lie behind struct kvm_run and its pages of data, which take three pages. */
const STRUCTURE_AT = 0x8000
const SIGNAL_SET_BYTES = 8

/** One entry of the CPUID table. */
export interface CpuidEntry {
  leaf: number
  /** EAX, EBX, ECX, EDX. */
  values: readonly [number, number, number, number]
}

/** What another thread needs to run a processor as well. */
export interface CpuHandle {
  fd: number
  mapBytes: number
}

/** A virtual processor of the kernel. One thread at a time may use it. */
export class VirtualCpu {
  readonly #area: HostArea
  /** struct kvm_run, in memory that the kernel shares. */
  readonly run: DataView
  /** The same as bytes: what a port transfers lies in it. */
  readonly runBytes: Uint8Array
  /** The structure that the last `get` filled and the next `set` takes, as bytes and as 64-bit words. */
  readonly structure: DataView
  readonly structureWords: BigUint64Array

  constructor(
    private readonly calls: SystemCalls,
    private readonly fd: number,
    private readonly mapBytes: number,
  ) {
    const area = new HostArea(calls)
    this.#area = area
    if (mapBytes > STRUCTURE_AT) throw new RangeError(`struct kvm_run takes ${mapBytes} bytes`)
    const mapped = calls.call(SYS.mmap, area.address, mapBytes, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0)
    if (mapped < 0) throw new KvmError('GET_VCPU_MMAP_SIZE', -mapped)
    this.run = new DataView(area.bytes.buffer, 0, mapBytes)
    this.runBytes = area.bytes.subarray(0, mapBytes)
    this.structure = new DataView(area.bytes.buffer, STRUCTURE_AT)
    this.structureWords = new BigUint64Array(area.bytes.buffer, STRUCTURE_AT)
  }

  get handle(): CpuHandle {
    return { fd: this.fd, mapBytes: this.mapBytes }
  }

  /**
   * Lets the guest run until something comes up.
   * @returns a reason of EXIT; INTR when the processor was kicked
   */
  enter(): number {
    const result = this.tryRequest('RUN', 0)
    if (result >= 0) return this.run.getUint32(RUN.EXIT_REASON, true)
    if (result !== -EINTR) throw new KvmError('RUN', -result)
    takeKick(this.calls, this.#structureAddress, this.structure)
    return EXIT.INTR
  }

  /**
   * Finishes the access that the last exit was about, without letting the guest go on: only then is the
   * processor's state whole.
   * @returns INTR, or a further access that belongs to the same instruction
   */
  complete(): number {
    this.run.setUint8(RUN.IMMEDIATE_EXIT, 1)
    try {
      return this.enter()
    } finally {
      this.run.setUint8(RUN.IMMEDIATE_EXIT, 0)
    }
  }

  /** Kicks may end `enter`, which they may not end between two of them: see kick.ts. */
  acceptKicks(): void {
    const { structure } = this
    structure.setUint32(0, SIGNAL_SET_BYTES, true)
    withoutKick(
      this.calls,
      this.#structureAddress + 64,
      new DataView(structure.buffer, structure.byteOffset + 64),
    )
    for (let at = 0; at < SIGNAL_SET_BYTES; at++) structure.setUint8(4 + at, structure.getUint8(64 + at))
    this.request('SET_SIGNAL_MASK', this.#structureAddress)
  }

  /** Fills `structure`. */
  get(request: Request): DataView {
    this.request(request, this.#structureAddress)
    return this.structure
  }

  /** Takes `structure`. */
  set(request: Request): void {
    this.request(request, this.#structureAddress)
  }

  /** A structure of zeros to fill in. */
  fresh(bytes: number): DataView {
    new Uint8Array(this.structure.buffer, STRUCTURE_AT, bytes).fill(0)
    return this.structure
  }

  /** A model-specific register, or null when KVM does not have it. */
  readMsr(index: number): { low: number; high: number } | null {
    const view = this.fresh(MSRS.BYTES)
    view.setUint32(MSRS.COUNT, 1, true)
    view.setUint32(MSRS.INDEX, index, true)
    if (this.tryRequest('GET_MSRS', this.#structureAddress) !== 1) return null
    return { low: view.getUint32(MSRS.LOW, true), high: view.getUint32(MSRS.HIGH, true) }
  }

  /** False when KVM does not take the value. */
  writeMsr(index: number, low: number, high: number): boolean {
    const view = this.fresh(MSRS.BYTES)
    view.setUint32(MSRS.COUNT, 1, true)
    view.setUint32(MSRS.INDEX, index, true)
    view.setUint32(MSRS.LOW, low, true)
    view.setUint32(MSRS.HIGH, high, true)
    return this.tryRequest('SET_MSRS', this.#structureAddress) === 1
  }

  setCpuid(entries: readonly CpuidEntry[]): void {
    const view = this.fresh(CPUID_HEADER_BYTES + entries.length * CPUID_ENTRY.BYTES)
    view.setUint32(0, entries.length, true)
    entries.forEach(({ leaf, values }, i) => {
      const at = CPUID_HEADER_BYTES + i * CPUID_ENTRY.BYTES
      view.setUint32(at + CPUID_ENTRY.FUNCTION, leaf, true)
      values.forEach((value, j) => view.setUint32(at + CPUID_ENTRY.EAX + 4 * j, value, true))
    })
    this.set('SET_CPUID2')
  }

  /** Delivers an external interrupt; the processor is ready for one. */
  interrupt(vector: number): void {
    this.fresh(4).setUint32(0, vector, true)
    this.set('INTERRUPT')
  }

  /** @returns the result, or a negative error number */
  tryRequest(request: Request, argument: number): number {
    return tryIoctl(this.calls, this.fd, request, argument)
  }

  request(request: Request, argument: number): number {
    return ioctl(this.calls, this.fd, request, argument)
  }

  close(): void {
    // The mapping would keep the virtual machine alive for as long as the memory is.
    const { address } = this.#area
    this.calls.call(SYS.mmap, address, this.mapBytes, PROT_READ_WRITE, MAP_ANONYMOUS_FIXED, -1, 0)
    this.calls.call(SYS.close, this.fd)
  }

  get #structureAddress(): number {
    return this.#area.address + STRUCTURE_AT
  }
}
