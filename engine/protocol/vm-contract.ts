import * as v from 'valibot'
import { ClipboardDirection } from './clipboard.ts'
import { TimeScale, VmExecution } from './execution.ts'
import { LAYOUT_NAMES } from './keyboard-layouts.ts'
import { VmUsage } from './host-activity.ts'
import { DiskLayer, LayerMerge, MachineConfig, Secrets } from './machine-config.ts'
import { Reason } from './reasons.ts'
import type { Contract } from './rpc.ts'
import { SerialLinkTarget } from './serial-target.ts'
import { HostFault, ScreenText, VmStats } from './vm.ts'

const nothing = v.undefined()
const drive = v.pipe(v.string(), v.maxLength(32))

/** How a machine ended, or that it runs or is paused. */
export const MachineState = v.variant('kind', [
  v.object({ kind: v.literal('running') }),
  /** `reason`: it paused by itself, for want of room on the host's disk, and goes on by itself. */
  v.object({ kind: v.literal('paused'), reason: v.optional(Reason) }),
  /** The guest switched the machine off, or the user pulled the plug. */
  v.object({ kind: v.literal('off') }),
  v.object({ kind: v.literal('debug-exit'), status: v.number() }),
  /** The guest brought the machine down, or the machine itself failed. */
  v.object({ kind: v.literal('crashed'), reason: Reason }),
  v.object({ kind: v.literal('failed'), reason: Reason }),
])
export type MachineState = v.InferOutput<typeof MachineState>

/** Host to the process of one machine. */
export const vmContract = {
  calls: {
    start: {
      params: v.strictObject({
        config: MachineConfig,
        serial: v.array(SerialLinkTarget),
        execution: v.optional(VmExecution, {}),
        clipboard: v.optional(ClipboardDirection, 'off'),
        /** File of a saved state to go on from. */
        restore: v.nullable(v.string()),
        /** Go on from it although files were written since, as merging snapshots does: the record vouches for them. */
        allowChangedMedia: v.optional(v.boolean(), false),
        secrets: v.optional(Secrets, []),
      }),
      result: nothing,
    },
    /**
     * Answers when the state that it began from is needed no more. Throws `state-invalid` where it is damaged: nothing was
     * written to media then, and the machine ends.
     */
    stateRead: { params: nothing, result: nothing },
    pause: { params: nothing, result: nothing },
    resume: { params: nothing, result: nothing },
    reset: { params: nothing, result: nothing },
    /** Throws `priority-refused` where the system does not let a program raise its priority again. */
    setExecution: { params: VmExecution, result: nothing },
    setClipboard: { params: v.strictObject({ direction: ClipboardDirection }), result: nothing },
    powerButton: { params: nothing, result: nothing },
    powerOff: { params: nothing, result: nothing },
    /** Pauses the machine and writes its whole state to a file. */
    saveState: { params: v.strictObject({ path: v.string() }), result: nothing },
    /**
     * For a snapshot: pauses the machine, notes its whole state and lays new files over its disks, which take
     * all further writes. Throws `file-unusable`, leaving every disk as it was.
     */
    freeze: { params: v.strictObject({ layers: v.array(DiskLayer) }), result: nothing },
    /** Takes those files off again and removes them; nothing has run meanwhile. */
    thaw: { params: nothing, result: nothing },
    /** Writes the state that was noted last to a file, while the machine may run. Says how long it stood. */
    keepState: { params: v.strictObject({ path: v.string() }), result: v.object({ stoodMs: v.number() }) },
    /**
     * Writes a layer of a disk down into the one below it while the machine runs. When it answers, either of the two has
     * all that was flushed, until `endMerge` says which one the disk is. Throws `file-unusable`, `cancelled`; the disk is
     * then as it was.
     */
    mergeLayers: { params: LayerMerge, result: nothing },
    /** Lets a merge rest where it is, this one and later ones, until it may go on. */
    holdMerge: { params: v.strictObject({ isHeld: v.boolean() }), result: nothing },
    /** Ends a merge that is under way, as one that fails; `mergeLayers` says when it is over. */
    stopMerge: { params: nothing, result: nothing },
    /** `isMerged`: the lower layer is the disk from now on. */
    endMerge: { params: v.strictObject({ isMerged: v.boolean() }), result: nothing },
    /** What it takes of the host, and what it does. */
    usage: { params: nothing, result: VmUsage },
    /** A small picture of the screen as PNG, in base64. */
    thumbnail: { params: nothing, result: v.string() },
    insert: { params: v.strictObject({ drive, path: v.string(), readonly: v.boolean() }), result: nothing },
    eject: { params: v.strictObject({ drive }), result: nothing },
  },
  notices: {},
  events: { state: MachineState, fault: HostFault },
} satisfies Contract
export type VmContract = typeof vmContract

const buttons = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(31))
const counts = v.pipe(v.number(), v.integer(), v.minValue(-4096), v.maxValue(4096))
const position = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535))
const serialPort = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3))
/** Bytes as a string of code units 0 to 255, which survives JSON. */
const byteString = v.pipe(v.string(), v.maxLength(65536), v.regex(/^[\0-\xff]*$/))

export const bytesToString = (bytes: Uint8Array): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096))
  return text
}
export const stringToBytes = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff)

/** A window on one machine: input up, everything but the picture down. */
export const viewContract = {
  calls: {
    screenText: { params: nothing, result: ScreenText },
    /**
     * Lays text out for the guest, in place of what was there. Throws `clipboard-off` where the machine's settings do not
     * let text go that way, `clipboard-too-long`.
     */
    offerText: {
      params: v.strictObject({ text: v.pipe(v.string(), v.maxLength(2 ** 20)) }),
      result: nothing,
    },
    /** The last text that the guest gave; null when it gave none, or may not. */
    guestText: { params: nothing, result: v.nullable(v.string()) },
    /** Throws `option-invalid` where guest time cannot be other than the host's. */
    setTimeScale: { params: v.strictObject({ scale: TimeScale }), result: nothing },
    /** Types text by the keys of a layout; characters without a key are left out. Ends when typed or cancelled. */
    type: {
      params: v.strictObject({
        text: v.pipe(v.string(), v.maxLength(65536)),
        layout: v.optional(v.picklist(LAYOUT_NAMES), 'us'),
        charactersPerSecond: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(200)), 20),
      }),
      result: nothing,
    },
  },
  notices: {
    key: v.strictObject({ code: v.pipe(v.string(), v.maxLength(32)), pressed: v.boolean() }),
    /** Lets go of every key and button, as when the window loses its focus. */
    releaseAll: nothing,
    mouse: v.strictObject({ dx: counts, dy: counts, wheel: counts, buttons }),
    mouseTo: v.strictObject({ x: position, y: position, wheel: counts, buttons }),
    serialInput: v.strictObject({ port: serialPort, data: byteString }),
    watchStats: v.strictObject({ on: v.boolean() }),
    /** Credit for the next picture; comes here when frames travel by another way. */
    acknowledge: v.strictObject({ sequence: v.number() }),
  },
  events: {
    /** First of all: how the frames of this view are asked for where they travel by another way. */
    opened: v.strictObject({
      view: v.string(),
      serialPorts: v.number(),
      /** Where each port leads besides the console, for a person to connect to; null where nowhere. */
      serialPlaces: v.array(v.nullable(v.string())),
    }),
    serial: v.strictObject({ port: serialPort, data: byteString }),
    stats: VmStats,
    /** Whether the guest takes absolute positions, so that the pointer need not be caught. */
    pointer: v.strictObject({ absolute: v.boolean() }),
    /** The guest gave text, which `guestText` has; told a few times a second at most. */
    textGiven: nothing,
    state: MachineState,
  },
} satisfies Contract
export type ViewContract = typeof viewContract
