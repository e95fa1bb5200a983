import * as v from 'valibot'
import { parseSaved, timeNs } from '../base/saved-state.ts'
import { EngineError } from '../base/errors.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { Device } from '../devices/device.ts'
import { because } from '../protocol/reasons.ts'
import { copyInto, type MachineCapture } from '../snapshot/capture.ts'
import { packMemory, type PackedMemory, type StateBytes, unpackMemory } from '../snapshot/packed-memory.ts'
import { bytesOfState, readStateFile, type StateFile, writeStateFile } from '../snapshot/state-file.ts'
import type { MachineClock } from './machine-clock.ts'
import type { StateLook } from './machine.ts'
import {
  checkMedia,
  describeMedia,
  type LoadedDrive,
  type MediaWrites,
  packWrites,
  replaceWrites,
  SAVED_MEDIA,
  unpackWrites,
  writesOf,
} from './media-state.ts'

/** What a machine's state is made of. */
export interface StatefulParts {
  /** What must be the same for a state to fit: memory, processor, ports. */
  fingerprint: Record<string, string | number>
  clock: MachineClock
  memory: MemoryMap
  devices: readonly Device[]
  drives: readonly LoadedDrive[]
  cpu: { save(): unknown; restore(state: unknown): void }
  board: { save(): BoardState; restore(state: BoardState): void }
}

const BOARD_STATE = v.object({
  tscOffset: v.pipe(v.number(), v.finite()),
  apicBase: v.pipe(v.number(), v.integer()),
})
/** State of the wiring itself. */
export type BoardState = v.InferOutput<typeof BOARD_STATE>

const MACHINE_STATE = v.object({
  version: v.literal(2),
  fingerprint: v.record(v.string(), v.union([v.string(), v.number()])),
  guestNs: timeNs,
  a20: v.boolean(),
  board: BOARD_STATE,
  cpu: v.unknown(),
  devices: v.record(v.string(), v.unknown()),
  media: SAVED_MEDIA,
})
type MachineState = v.InferOutput<typeof MACHINE_STATE>

/**
 * The whole state as a file's bytes. The machine stands between two runs, with no firmware call under way and nothing
 * held back by its media. Throws `DiskError` when a medium cannot be read, `state-invalid` when it is too much.
 */
export function saveMachine(parts: StatefulParts): Uint8Array {
  const { ram, vram } = parts.memory.memory
  const media = describeMedia(parts.drives)
  const state: MachineState = { ...describe(parts), media }
  return writeStateFile({
    state,
    ram: packMemory(ram),
    vram: packMemory(vram),
    writes: packWrites(parts.drives, media),
  })
}

/**
 * A copy of the whole state, under the same conditions as `saveMachine`; the guest need not wait for its packing.
 * @param room as large as RAM and video memory together, from `roomFor`
 */
export function captureMachine(parts: StatefulParts, room: Uint8Array): MachineCapture {
  const { ram, vram } = parts.memory.memory
  const copy = { ram: room.subarray(0, ram.length), vram: room.subarray(ram.length) }
  copyInto(copy.ram, ram)
  copyInto(copy.vram, vram)
  const media = describeMedia(parts.drives)
  const state: MachineState = { ...describe(parts), media }
  return { state, ...copy, writes: packWrites(parts.drives, media) }
}

function describe({ fingerprint, clock, memory, devices, cpu, board }: StatefulParts) {
  return {
    version: 2 as const,
    fingerprint,
    guestNs: clock.nowNs,
    a20: memory.a20Mask === 0xffffffff,
    board: board.save(),
    cpu: cpu.save(),
    devices: Object.fromEntries(devices.map((device) => [device.id, device.save()])),
  }
}

/** What a state file says, found to fit the machine. */
interface FittingState {
  state: MachineState
  packedRam: PackedMemory
  packedVram: PackedMemory
  writes: MediaWrites
}

/** Throws `state-invalid` or `medium-changed`. @param insists take media that are not what they were, too */
function fitting(parts: StatefulParts, file: StateFile, insists: boolean): FittingState {
  const { drives } = parts
  const state = parseSaved('machine', MACHINE_STATE, file.state)
  for (const [name, value] of Object.entries(parts.fingerprint))
    if (state.fingerprint[name] !== value)
      throw new EngineError('state-invalid', {
        device: 'machine',
        reason: because('state-other-machine', {
          name,
          before: state.fingerprint[name] ?? 'unknown',
          now: value,
        }),
      })
  const missing = parts.devices.find(({ id }) => !(id in state.devices))
  if (missing)
    throw new EngineError('state-invalid', { device: missing.id, reason: because('state-of-device-missing') })
  const extra = Object.keys(state.devices).find((id) => !parts.devices.some((device) => device.id === id))
  if (extra !== undefined)
    throw new EngineError('state-invalid', {
      device: extra,
      reason: because('state-no-device'),
    })
  checkMedia(drives, state.media, insists)
  const writes = unpackWrites(drives, state.media, file.writes)
  return { state, packedRam: file.ram, packedVram: file.vram, writes }
}

/**
 * Takes a saved state, or throws `state-invalid`, `state-too-new` or `medium-changed` and leaves everything as it was.
 * @param insists take media that are not what they were, too
 */
export function restoreMachine(parts: StatefulParts, bytes: Uint8Array, insists: boolean): void {
  const { drives } = parts
  const { state, packedRam, packedVram, writes } = fitting(parts, readStateFile(bytesOfState(bytes)), insists)
  const { ram, vram } = parts.memory.memory
  const before = describe(parts)
  const oldWrites = writesOf(drives)
  const [oldRam, oldVram] = [ram.slice(), vram.slice()]
  try {
    unpackMemory(packedRam, ram)
    unpackMemory(packedVram, vram)
    replaceWrites(drives, writes)
    apply(parts, state)
  } catch (error) {
    ram.set(oldRam)
    vram.set(oldVram)
    replaceWrites(drives, oldWrites)
    apply(parts, before)
    throw error
  }
}

export interface BeginOptions {
  insists: boolean
  whenReached: boolean
  look: StateLook | null
}

/**
 * Takes a saved state into a machine that has just been built, whose RAM is zeros, and that is of no use when this fails.
 * Nothing is kept to go back to. Throws as `restoreMachine` does.
 * @param state closed by the machine, or here
 * @param whenReached RAM may be unpacked when it is first reached: the processor asks the memory map for it
 * @param look of somebody who is looking through the file for damage; without one it is done here, before anything runs
 * @returns whether some of it is unpacked later
 */
export function beginMachine(
  parts: StatefulParts,
  file: StateBytes,
  { insists, whenReached, look }: BeginOptions,
): boolean {
  let isKept = false
  try {
    const { state, packedRam, packedVram, writes } = fitting(parts, readStateFile(file), insists)
    const { memory } = parts.memory
    const chunks = whenReached ? packedRam.chunks : null
    if (chunks) {
      chunks.checkSize(memory.ram.length)
      if (!look) for (const _ of chunks.checking()) void _
      parts.memory.fillWhenReached(chunks)
      isKept = true
    } else unpackMemory(packedRam, memory.ram)
    unpackMemory(packedVram, memory.vram)
    replaceWrites(parts.drives, writes)
    apply(parts, state)
    return isKept
  } finally {
    if (!isKept) file.close()
  }
}

function apply(
  { clock, memory, devices, cpu, board }: StatefulParts,
  state: Omit<MachineState, 'media'>,
): void {
  clock.restore(state.guestNs)
  board.restore(state.board)
  for (const device of devices) device.restore(state.devices[device.id])
  // Two ports move the gate, and each drives it while it is restored; the one that was written last counts.
  memory.setA20(state.a20)
  // Last: lines that devices drive while they are restored are not interrupts.
  cpu.restore(state.cpu)
}
