import type { DebugTarget } from '../debugger/target.ts'
import type { DiskLayer, LayerMerge } from '../protocol/machine-config.ts'
import type { Reason } from '../protocol/reasons.ts'
import type { MachineCapture } from '../snapshot/capture.ts'
import type { StateBytes } from '../snapshot/packed-memory.ts'
import type { MergeProgress } from '../storage/formats/merge-layer.ts'
import type { Accelerator, HostFault } from '../protocol/vm.ts'
import type { Display } from '../devices/display.ts'
import type { KeyboardInput } from '../devices/keyboard/keyboard-input.ts'
import type { GuestClipboard } from '../devices/vmware-backdoor/guest-clipboard.ts'
import type { MouseInput } from '../devices/mouse/mouse-input.ts'
import type { SerialEnd } from '../devices/uart/serial-end.ts'

export type { KeyboardInput } from '../devices/keyboard/keyboard-input.ts'
export type { MouseInput } from '../devices/mouse/mouse-input.ts'
export type { SerialEnd } from '../devices/uart/serial-end.ts'

/** Why `run` came back. */
export type RunOutcome =
  /** The slice is used up or somebody kicked: handle messages and call again. */
  | { kind: 'slice' }
  /**
   * Nothing is to be run before `wakeNs` of host time from now: the guest waits for an interrupt; or it is `held`,
   * because it has had what a cap allows.
   */
  | { kind: 'idle'; wakeNs: number; held: boolean }
  | { kind: 'powered-off' }
  /** A write to the debug-exit port; `status` is (value << 1) | 1. */
  | { kind: 'debug-exit'; status: number }
  /** Triple fault while resets are not allowed, or a condition that the machine cannot go on from. */
  | { kind: 'crashed'; reason: Reason }
  /** The debugger stopped it. */
  | { kind: 'stopped' }
  /** The host's disk is full. What the guest wrote is kept; calling again tries to write it and to go on. */
  | { kind: 'stalled'; path: string; reason: Reason }

export type DriveKind = 'floppy' | 'disk' | 'cdrom'

export interface DriveStatus {
  /** floppy0, floppy1, ide0-master … ide1-slave, virtio0 … virtio3. */
  id: string
  kind: DriveKind
  /** File of the medium, null when empty. */
  medium: string | null
  readonly: boolean
  bytesRead: number
  bytesWritten: number
}

export interface MachineStats {
  accelerator: Accelerator
  instructions: number
  guestNs: number
  /** Exits by reason, e.g. pio-read, mmio-write, halt, interrupt-window. */
  exits: Record<string, number>
  /** Interrupts and exceptions delivered, by vector in hexadecimal. */
  interrupts: Record<string, number>
  /** Interrupt requests by line, as "IRQ 14". */
  lines: Record<string, number>
  /** The busiest ports and memory-mapped devices by name. */
  accesses: Record<string, number>
  cpu: Record<string, number>
  /** Share of the time that the processor may run, in percent. */
  capPercent: number
  /** Guest time per host time. */
  timeScale: number
  /** How far the guest's clock is behind, in ns. */
  behindNs: number
}

/** A look through a state file for damage, while the machine runs from it already. */
export interface StateLook {
  /** What it has found; null as long as it is under way. */
  readonly isWhole: boolean | null
  /** The same at its end. */
  wait(): boolean
}

/** A whole PC. One thread owns it: `run` blocks, everything else is called between two runs. */
export interface Machine {
  readonly display: Display
  readonly keyboard: KeyboardInput
  readonly mouse: MouseInput
  readonly clipboard: GuestClipboard
  readonly serial: SerialEnd[]
  /** For a debugger, between two runs; null where the accelerator has no way in. */
  readonly debugTarget: DebugTarget | null
  /** Runs the guest for at most `sliceNs` of host time. */
  run(sliceNs: number): RunOutcome
  /** Somebody uses it: for a while its timers are served when they are due, where those of a resting guest may wait for each other. */
  attend(): void
  /** Whether anybody looks at its screen: while nobody does, a resting guest's timers may be later. */
  setWatched(isWatched: boolean): void
  /** Hard reset, as by the button on the case. */
  reset(): void
  /** ACPI power button. */
  pressPowerButton(): void
  /** Lets the processor run for 1 to 100 percent of the time; devices and clock go on meanwhile. */
  setCap(percent: number): void
  /** Has guest time pass faster or slower than the host's. Throws `option-invalid` where the host's processor keeps it. */
  setTimeScale(scale: number): void
  drives(): DriveStatus[]
  /** Takes the medium out. Throws `option-invalid` for a drive that has none to remove. */
  eject(drive: string): void
  /** Puts a file in. Throws `file-unusable` with the reason, leaving the drive as it was. */
  insert(drive: string, path: string, options?: { readonly?: boolean; ephemeral?: boolean }): void
  stats(): MachineStats
  /**
   * The whole state, in the format of engine/snapshot; what was written to ephemeral media is in it, other media are
   * flushed and noted so that they are known again. Throws `file-unusable` for a medium that the host cannot read.
   */
  save(): Uint8Array
  /** Size of the memory that a copy of its state holds. */
  readonly captureBytes: number
  /** Reads ahead what `freeze` has to know of a drive, by its position. @returns whether there is such a drive */
  lookAt(bay: number): boolean
  /**
   * For a snapshot: a copy of the state, with new files over the disks, which take all further writes. Throws
   * `file-unusable`, leaving every disk as it was.
   * @param room for `captureBytes`, to hold the copy
   */
  freeze(layers: readonly DiskLayer[], room: Uint8Array): MachineCapture
  /** Takes those files off again; nothing has run meanwhile. */
  thaw(): void
  /**
   * Merges two layers of a disk while the machine runs: `mergeStep` writes a piece down and says how far it is, null when
   * all is written; `settleMerge` brings it to the host's disk; `endMerge` goes on with the lower layer, or without the
   * merge. Each throws `file-unusable` or `option-invalid`, and the disk is as it was.
   * @returns the files that are written to
   */
  beginMerge(layers: LayerMerge): readonly string[]
  mergeStep(): MergeProgress | null
  settleMerge(): void
  endMerge(isMerged: boolean): void
  /**
   * Throws `state-invalid`, `state-too-new`, or `medium-changed` for an image that is another one or was written
   * since, changing nothing. @param insists take such images all the same
   */
  restore(state: Uint8Array, insists?: boolean): void
  /**
   * The same for a machine that has not run yet, and that is of no use when this fails. Its memory may come later: what the
   * guest has not reached by itself, `bringIn` brings in.
   * @param state closed by the machine, also when this throws
   * @param look of somebody who is looking through it for damage. The guest may run meanwhile, and nothing is written to
   *   media before its end. Without one it is looked through here first
   */
  beginFrom(state: StateBytes, insists?: boolean, look?: StateLook | null): void
  /**
   * Brings in some of the memory that `beginFrom` has left for later. Throws `state-invalid`, also for what the look has found.
   * @param budgetNs host time that this may take; a piece takes less than a millisecond
   * @returns whether there is more, or the look is under way
   */
  bringIn(budgetNs: number): boolean
  /** Called when the host fails the machine: an image or a file that cannot be read or written. Replaces the listener. */
  onFault(listener: (fault: HostFault) => void): void
  /** Flushes and closes every image. */
  close(): void
}
