import type { DriveStatus } from '../machine/machine.ts'
import type { ClipboardDirection } from '../protocol/clipboard.ts'
import type { DiskLayer, LayerMerge, MachineConfig } from '../protocol/machine-config.ts'
import type { ErrorDetails } from '../protocol/rpc.ts'
import type { MachineCapture } from '../snapshot/capture.ts'
import type { MachineState } from '../protocol/vm-contract.ts'
import type { MergeProgress } from '../storage/formats/merge-layer.ts'
import type { Accelerator, HostFault, ScreenText, VmStats } from '../protocol/vm.ts'

/** The picture at one moment, for screenshots. */
export interface Picture {
  width: number
  height: number
  aspectRatio: number
  /** RGBA. */
  pixels: Uint8Array
}

/** What a machine's thread can be asked between two slices, with the answer's type. */
export interface Requests {
  pause: { args: []; answer: void }
  resume: { args: []; answer: void }
  reset: { args: []; answer: void }
  setCap: { args: [percent: number]; answer: void }
  setTimeScale: { args: [scale: number]; answer: void }
  powerButton: { args: []; answer: void }
  powerOff: { args: []; answer: void }
  allowClipboard: { args: [direction: ClipboardDirection]; answer: void }
  /** Lays text out for the guest, in UTF-8. @returns false where that is not allowed or too long */
  offerText: { args: [text: Uint8Array]; answer: boolean }
  /** The last text that the guest gave, as it gave it. */
  guestText: { args: []; answer: Uint8Array | null }
  screenText: { args: []; answer: ScreenText }
  picture: { args: []; answer: Picture }
  stats: { args: []; answer: VmStats }
  drives: { args: []; answer: DriveStatus[] }
  eject: { args: [drive: string]; answer: void }
  insert: {
    args: [drive: string, path: string, options: { readonly?: boolean; ephemeral?: boolean }]
    answer: void
  }
  save: { args: []; answer: Uint8Array }
  /** Whether there is more of its memory to be brought in, after a piece of it was. */
  bringIn: { args: []; answer: boolean }
  captureBytes: { args: []; answer: number }
  lookAt: { args: [bay: number]; answer: boolean }
  freeze: { args: [layers: readonly DiskLayer[], room: Uint8Array]; answer: MachineCapture }
  thaw: { args: []; answer: void }
  beginMerge: { args: [layers: LayerMerge]; answer: readonly string[] }
  mergeStep: { args: []; answer: MergeProgress | null }
  settleMerge: { args: []; answer: void }
  endMerge: { args: [isMerged: boolean]; answer: void }
}
export type RequestName = keyof Requests

export type ToMachine =
  | { [K in RequestName]: { kind: 'request'; id: number; name: K; args: Requests[K]['args'] } }[RequestName]
  | { kind: 'key'; code: string; pressed: boolean }
  | { kind: 'mouse'; dx: number; dy: number; wheel: number; buttons: number }
  | { kind: 'mouse-to'; x: number; y: number; wheel: number; buttons: number }
  | { kind: 'serial'; port: number; bytes: Uint8Array }
  | { kind: 'open-view'; view: number }
  | { kind: 'close-view'; view: number }
  | { kind: 'acknowledge'; view: number; sequence: number }
  /** A frame's buffer, to be used again. */
  | { kind: 'buffer'; buffer: ArrayBuffer }
  | { kind: 'watch-stats'; on: boolean }
  /** A debugger has connected, says something, has gone. */
  | { kind: 'debugger-attach' }
  | { kind: 'debugger'; bytes: Uint8Array }
  | { kind: 'debugger-detach' }

/** An error that crossed threads: its code and details when it has them. */
export interface ThreadError {
  code: string
  details: ErrorDetails
}

export type FromMachine =
  | { kind: 'ready'; serialPorts: number; accelerator: Accelerator }
  | { kind: 'refused'; error: ThreadError }
  | { kind: 'state'; state: MachineState }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'error'; id: number; error: ThreadError }
  | { kind: 'serial'; port: number; bytes: Uint8Array }
  | { kind: 'frame'; view: number; buffer: ArrayBuffer }
  | { kind: 'pointer'; absolute: boolean }
  | { kind: 'fault'; fault: HostFault }
  /** The guest gave text, which waits to be asked for. */
  | { kind: 'text-given' }
  | { kind: 'stats'; stats: VmStats }
  /** For the debugger; `taken` says that what it sent last has been dealt with. */
  | { kind: 'debugger'; bytes: Uint8Array; taken: boolean }
  /** The session with the debugger is over. */
  | { kind: 'debugger-closed' }
  /** The last message: the machine has ended and its images are closed. */
  | { kind: 'closed' }

/** The first message, by which a thread that waits gets its machine. */
export interface ThreadStart {
  config: MachineConfig
  /** File of a saved state to go on from, and what state-look.ts finds of it. */
  state: { path: string; look: SharedArrayBuffer } | null
  /** Go on from it although an image is another one or was written since. */
  allowChangedMedia: boolean
  /** Passphrases of its encrypted disks. */
  secrets: readonly string[]
  /** It stands before its first instruction until a debugger lets it go. */
  waitForDebugger: boolean
  /** One word: not zero when messages wait. */
  kick: SharedArrayBuffer
}
