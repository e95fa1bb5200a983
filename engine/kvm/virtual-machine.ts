import { HostArea } from './host-area.ts'
import { ioctl, type Request } from './ioctl.ts'
import { SYS, type SystemCalls } from './system-calls.ts'
import { VirtualCpu } from './virtual-cpu.ts'

/**
 * Where Intel processors without unrestricted guests keep three pages and one of their own: below the firmware,
 * above the local APIC, where nothing of this machine lies.
 */
const TSS_AT = 0xfeffd000
const IDENTITY_MAP_AT = 0xfeffc000

/** A stretch of guest-physical memory. */
export interface Slot {
  id: number
  /** See MEM in abi.ts. */
  flags: number
  guestAddress: number
  bytes: number
  hostAddress: number
}

/** Offset of the dirty bitmap behind the argument structures. */
const BITMAP_AT = 4096
const PAGE_SHIFT = 12

/** A virtual machine of the kernel: memory slots and virtual processors. */
export class VirtualMachine {
  readonly #area: HostArea
  readonly #cpus: VirtualCpu[] = []

  /** @param runBytes size of struct kvm_run and what follows it */
  constructor(
    readonly calls: SystemCalls,
    private readonly fd: number,
    private readonly runBytes: number,
  ) {
    this.#area = new HostArea(calls)
    this.#area.view.setBigUint64(0, BigInt(IDENTITY_MAP_AT), true)
    this.#ioctl('SET_IDENTITY_MAP_ADDR', this.#area.address)
    this.#ioctl('SET_TSS_ADDR', TSS_AT)
  }

  /** Makes or changes a slot; one of no bytes goes away. */
  setSlot({ id, flags, guestAddress, bytes, hostAddress }: Slot): void {
    const { view, address } = this.#area
    view.setUint32(0, id, true)
    view.setUint32(4, flags, true)
    view.setBigUint64(8, BigInt(guestAddress), true)
    view.setBigUint64(16, BigInt(bytes), true)
    view.setBigUint64(24, BigInt(hostAddress), true)
    this.#ioctl('SET_USER_MEMORY_REGION', address)
  }

  /** Pages of a slot that were written since the last call, as numbers within it. The slot logs dirty pages. */
  takeDirtyLog({ id, bytes }: Slot): number[] {
    const { view, address, bytes: area } = this.#area
    const pageCount = bytes >>> PAGE_SHIFT
    if (pageCount > 8 * (area.length - BITMAP_AT))
      throw new RangeError(`slot ${id} is too large for a dirty log`)
    view.setUint32(0, id, true)
    view.setUint32(4, 0, true)
    view.setBigUint64(8, BigInt(address + BITMAP_AT), true)
    this.#ioctl('GET_DIRTY_LOG', address)
    const pages: number[] = []
    for (let page = 0; page < pageCount; page++)
      if (area[BITMAP_AT + (page >> 3)]! & (1 << (page & 7))) pages.push(page)
    return pages
  }

  createCpu(id: number): VirtualCpu {
    const cpu = new VirtualCpu(this.calls, this.#ioctl('CREATE_VCPU', id), this.runBytes)
    this.#cpus.push(cpu)
    return cpu
  }

  /** Ends the virtual machine and its processors; none of them may be running. */
  close(): void {
    for (const cpu of this.#cpus) cpu.close()
    this.calls.call(SYS.close, this.fd)
  }

  #ioctl(request: Request, argument: number): number {
    return ioctl(this.calls, this.fd, request, argument)
  }
}
