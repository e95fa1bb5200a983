/** Exception vectors (SDM vol. 3, table 6-1). */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
} as const

/**
 * An exception of the guest on its way to delivery. Thrown inside the processor's TypeScript only, caught
 * before control returns to generated code. Not an Error: nobody wants the cost of a stack trace here.
 */
export class CpuFault {
  constructor(
    readonly vector: number,
    /** Null for vectors that push none. */
    readonly errorCode: number | null = null,
  ) {}
}

/** A fault in a task that has been switched to: EIP is that of the new task. */
export class NewTaskFault extends CpuFault {}

/** A state that no processor can be in: it shuts down. */
export class ShutdownFault extends CpuFault {
  constructor() {
    super(Vector.DF)
  }
}

export const generalProtection = (errorCode = 0): CpuFault => new CpuFault(Vector.GP, errorCode)
export const invalidOpcode = (): CpuFault => new CpuFault(Vector.UD)

/** What was thrown, where that must be a fault of the guest; anything else is thrown on. */
export function asFault(thrown: unknown): CpuFault {
  if (thrown instanceof CpuFault) return thrown
  throw thrown
}
