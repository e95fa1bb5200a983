import { KVM } from './abi.ts'
import { SYS, type SystemCalls } from './system-calls.ts'

export type Request = keyof typeof KVM

/** A request that the kernel refused. */
export class KvmError extends Error {
  /** @param errno positive error number */
  constructor(
    readonly request: Request,
    readonly errno: number,
  ) {
    super(`KVM_${request} failed with error ${errno}`)
    this.name = 'KvmError'
  }
}

/** ioctl(2): its result, or the negative error number. */
export const tryIoctl = (calls: SystemCalls, fd: number, request: Request, argument: number): number =>
  calls.call(SYS.ioctl, fd, KVM[request], argument)

/** ioctl(2): its result. Throws `KvmError`. */
export function ioctl(calls: SystemCalls, fd: number, request: Request, argument: number): number {
  const result = tryIoctl(calls, fd, request, argument)
  if (result < 0) throw new KvmError(request, -result)
  return result
}
