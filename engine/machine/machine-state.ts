import * as v from 'valibot'
import { parseSaved, timeNs } from '../base/saved-state.ts'
import { EngineError } from '../base/errors.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { Device } from '../devices/device.ts'
import { copyInto, type MachineCapture } from '../snapshot/capture.ts'
import { packMemory, unpackMemory, unpackMemoryAside } from '../snapshot/memory-image.ts'
import { readStateFile, readStateFileAside, type StateFile, writeStateFile } from '../snapshot/state-file.ts'
import type { MachineClock } from './machine-clock.ts'
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
    parts: [packMemory(ram), packMemory(vram), ...packWrites(parts.drives, media)],
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
  packedRam: Uint8Array
  packedVram: Uint8Array
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
        reason: `it was saved with ${name} ${state.fingerprint[name] ?? 'unknown'}, and this machine has ${value}`,
      })
  const missing = parts.devices.find(({ id }) => !(id in state.devices))
  if (missing) throw new EngineError('state-invalid', { device: missing.id, reason: 'its state is missing' })
  const extra = Object.keys(state.devices).find((id) => !parts.devices.some((device) => device.id === id))
  if (extra !== undefined)
    throw new EngineError('state-invalid', { device: extra, reason: 'this machine has no such device' })
  checkMedia(drives, state.media, insists)
  const [packedRam, packedVram, ...packedWrites] = file.parts
  if (!packedRam || !packedVram)
    throw new EngineError('state-invalid', { device: 'memory', reason: 'it is missing' })
  return { state, packedRam, packedVram, writes: unpackWrites(drives, state.media, packedWrites) }
}

/**
 * Takes a saved state, or throws `state-invalid`, `state-too-new` or `medium-changed` and leaves everything as it was.
 * @param insists take media that are not what they were, too
 */
export function restoreMachine(parts: StatefulParts, bytes: Uint8Array, insists: boolean): void {
  const { drives } = parts
  const { state, packedRam, packedVram, writes } = fitting(parts, readStateFile(bytes), insists)
  const { ram, vram } = parts.memory.memory
  const before = describe(parts)
  const oldWrites = writesOf(drives)
  const oldRam = packMemory(ram)
  const oldVram = packMemory(vram)
  try {
    unpackMemory(packedRam, ram)
    unpackMemory(packedVram, vram)
    replaceWrites(drives, writes)
    apply(parts, state)
  } catch (error) {
    unpackMemory(oldRam, ram)
    unpackMemory(oldVram, vram)
    replaceWrites(drives, oldWrites)
    apply(parts, before)
    throw error
  }
}

/**
 * Takes a saved state into a machine that has just been built and is of no use when this fails: nothing is kept to go back
 * to, and memory is unpacked in several threads while the file's checksum is computed. Throws as `restoreMachine` does.
 */
export async function beginMachine(parts: StatefulParts, bytes: Uint8Array, insists: boolean): Promise<void> {
  const file = readStateFileAside(bytes)
  try {
    const { state, packedRam, packedVram, writes } = fitting(parts, file, insists)
    const { ram, vram } = parts.memory.memory
    await unpackMemoryAside(packedRam, ram)
    await unpackMemoryAside(packedVram, vram)
    await file.isWhole
    replaceWrites(parts.drives, writes)
    apply(parts, state)
  } catch (error) {
    // What a damaged file leads to says less than that it is damaged.
    await file.isWhole
    throw error
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
