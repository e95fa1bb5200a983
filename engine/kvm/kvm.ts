import { closeSync, openSync } from 'node:fs'
import { because, inWords, type Reason } from '../protocol/reasons.ts'
import { CAPABILITY, KVM_API_VERSION } from './abi.ts'
import { ioctl, type Request } from './ioctl.ts'
import { type SystemCalls, loadSystemCalls } from './system-calls.ts'
import { VirtualMachine } from './virtual-machine.ts'

/** Why KVM cannot be used. */
export class NoKvm extends Error {
  constructor(
    readonly reason: Reason,
    options?: ErrorOptions,
  ) {
    super(inWords(reason), options)
    this.name = 'NoKvm'
  }
}

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

  /** Opens the device. Throws `NoKvm` with the reason why there is no KVM here. */
  static open(device = '/dev/kvm'): Kvm {
    if (process.platform !== 'linux' || process.arch !== 'x64')
      throw new NoKvm(because('kvm-elsewhere', { system: process.platform, processor: process.arch }))
    const fd = openDevice(device)
    try {
      const kvm = new Kvm(loadSystemCalls(), fd)
      const version = kvm.#ioctl('GET_API_VERSION', 0)
      if (version !== KVM_API_VERSION) throw new NoKvm(because('kvm-version', { device, version }))
      const missing = NEEDED.find((name) => kvm.extension(name) <= 0)
      if (missing) throw new NoKvm(because('kvm-too-old', { device, missing }))
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
    throw new NoKvm(deviceProblem(device, code), { cause })
  }
}

/** Why the device cannot be opened, and what to do. @param code of the system's error */
export function deviceProblem(device: string, code: string): Reason {
  switch (code) {
    case 'ENOENT':
      return because('kvm-missing', { device })
    case 'EACCES':
    case 'EPERM':
      return because('kvm-forbidden', { device })
    case 'ENODEV':
    case 'ENXIO':
      return because('kvm-module', { device })
    default:
      return because('kvm-not-opened', { device, code })
  }
}
