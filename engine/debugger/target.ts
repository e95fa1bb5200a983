import type { StopReason, WatchKind } from '../vcpu/stops.ts'

/** Which addresses a debugger means: those that the guest's instructions use, or those on the memory bus. */
export type Space = 'linear' | 'physical'

export type PointKind = 'breakpoint' | WatchKind

/** A register as a debugger sees it. */
export interface RegisterDescription {
  name: string
  bits: number
  /** Type in terms of GDB's target descriptions. */
  type: string
  group?: string
}

/** Registers that belong together, under the name by which GDB knows them. */
export interface RegisterFeature {
  name: string
  /** Descriptions of types that its registers use, in the language of target descriptions. */
  types: string
  registers: readonly RegisterDescription[]
}

/** What a debugger looks at and changes: a machine that stands between two runs. */
export interface DebugTarget {
  readonly features: readonly RegisterFeature[]
  /** Registers in the order of the features, little-endian. */
  readRegister(index: number): Uint8Array
  /** False when it cannot have that value. */
  writeRegister(index: number, value: Uint8Array): boolean
  /** As many bytes as there are in a row; nothing that is read notices it. */
  readMemory(space: Space, address: number, length: number): Uint8Array
  /** False when some of it is not memory that can be written; then nothing is. */
  writeMemory(space: Space, address: number, bytes: Uint8Array): boolean
  /** False when there are too many. */
  setPoint(kind: PointKind, linear: number, length: number): boolean
  clearPoint(kind: PointKind, linear: number, length: number): void
  clearPoints(): void
  /** The machine is about to go on. @param single for one instruction */
  begin(single: boolean): void
  /** Why it stopped. Told once. */
  stopReason(): StopReason
  /** What the debugger may choose about how the target behaves. */
  readonly settings: DebugSettings
}

export interface DebugSettings {
  /** Addresses of memory packets. */
  space: Space
  /** EIP is shown as the linear address of the instruction, CS base included. */
  linearPc: boolean
  /** Interrupts are taken during single steps. */
  stepInterrupts: boolean
}
