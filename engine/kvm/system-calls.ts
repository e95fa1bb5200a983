import { createRequire } from 'node:module'

/** All of the native code that /dev/kvm takes: two functions. Everything else of this folder is TypeScript. */
export interface SystemCalls {
  /** A Linux system call: its result, or the negative error number. Arguments are integers or addresses. */
  call(number: number, ...parameters: readonly number[]): number
  /** Address of the first byte of a view. */
  address(view: ArrayBufferView): number
}

/** Numbers of x86-64, the only kind of host on which KVM runs this machine (asm/unistd_64.h). */
export const SYS = {
  close: 3,
  mmap: 9,
  rtSigprocmask: 14,
  ioctl: 16,
  rtSigtimedwait: 128,
  gettid: 186,
  timerCreate: 222,
  timerSettime: 223,
  timerDelete: 226,
  tgkill: 234,
} as const

/** The call was interrupted by a signal (asm-generic/errno-base.h). */
export const EINTR = 4

/** What of the koffi package is used. */
interface Koffi {
  load(path: null): { func(prototype: string): (...parameters: number[]) => number }
  address(view: ArrayBufferView): bigint
  errno(): number
}

const PARAMETERS = 6

/** Throws an error whose message says what is missing. */
export function loadSystemCalls(): SystemCalls {
  const koffi = loadKoffi()
  // Of variable length in C; with all parameters given as 64-bit integers the two conventions are one.
  const types = Array.from({ length: PARAMETERS + 1 }, () => 'int64_t').join(', ')
  const syscall = koffi.load(null).func(`int64_t syscall(${types})`)
  return {
    call: (number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) => {
      const result = syscall(number, a, b, c, d, e, f)
      return result < 0 ? -koffi.errno() : result
    },
    address: (view) => Number(koffi.address(view)),
  }
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    throw new Error(
      'the npm package koffi, through which KVM is reached, is not installed or does not load',
      {
        cause,
      },
    )
  }
}
