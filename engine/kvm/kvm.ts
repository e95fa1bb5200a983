import { closeSync, openSync } from 'node:fs'
import { reasonOf } from '../protocol/reasons.ts'
import { CAPABILITY, KVM_API_VERSION } from './abi.ts'
import { ioctl, type Request } from './ioctl.ts'
import { type SystemCalls, loadSystemCalls } from './system-calls.ts'
import { VirtualMachine } from './virtual-machine.ts'

/** What this machine cannot do without. */
const NEEDED = [
  'USER_MEMORY',
  'SET_TSS_ADDR',
  'EXT_CPUID',
  'DESTROY_MEMORY_REGION_WORKS',
  'VCPU_EVENTS',
  'XSAVE',
  'READONLY_MEM',
  'IMMEDIATE_EXIT',
] as const satisfies readonly (keyof typeof CAPABILITY)[]

/** The KVM control interface: the device from which virtual machines are made. */
export class Kvm {
  private constructor(
    readonly calls: SystemCalls,
    private readonly fd: number,
  ) {}

  /** Opens the device. Throws an error whose message tells the user why there is no KVM here. */
  static open(device = '/dev/kvm'): Kvm {
    if (process.platform !== 'linux' || process.arch !== 'x64')
      throw new Error(reasonOf('kvm-elsewhere', { system: process.platform, processor: process.arch }))
    const fd = openDevice(device)
    try {
      const kvm = new Kvm(loadSystemCalls(), fd)
      const version = kvm.#ioctl('GET_API_VERSION', 0)
      if (version !== KVM_API_VERSION) throw new Error(`${device} speaks version ${version} of its interface`)
      const missing = NEEDED.find((name) => kvm.extension(name) <= 0)
      if (missing) throw new Error(`${device} lacks ${missing}: the kernel is too old`)
      return kvm
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** What the kernel says of a capability; 0 when it lacks it. */
  extension(name: keyof typeof CAPABILITY): number {
    return this.#ioctl('CHECK_EXTENSION', CAPABILITY[name])
  }

  createVm(): VirtualMachine {
    const runBytes = this.#ioctl('GET_VCPU_MMAP_SIZE', 0)
    return new VirtualMachine(this.calls, this.#ioctl('CREATE_VM', 0), runBytes)
  }

  close(): void {
    closeSync(this.fd)
  }

  #ioctl(request: Request, argument: number): number {
    return ioctl(this.calls, this.fd, request, argument)
  }
}

function openDevice(device: string): number {
  try {
    return openSync(device, 'r+')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new Error(deviceProblem(device, code), { cause })
  }
}

/** Why the device cannot be opened, and what to do. @param code of the system's error */
export function deviceProblem(device: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return reasonOf('kvm-missing', { device })
    case 'EACCES':
    case 'EPERM':
      return reasonOf('kvm-forbidden', { device })
    case 'ENODEV':
    case 'ENXIO':
      return reasonOf('kvm-module', { device })
    default:
      return `${device} cannot be opened (${code})`
  }
}
