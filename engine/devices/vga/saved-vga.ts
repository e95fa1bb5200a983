import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'
import { ATTRIBUTE_COUNT, CRTC_COUNT } from './registers.ts'

const bytes = (length: number) => v.pipe(v.instance(Uint8Array), v.length(length))
const count = v.pipe(v.number(), v.safeInteger())

/** Saved state of the adapter, version 1. Video memory is saved by the machine, together with RAM. */
export const savedVga = v.object({
  version: v.literal(1),
  registers: v.object({
    misc: bits(8),
    featureControl: bits(8),
    subsystemEnable: bits(8),
    sequencerIndex: bits(8),
    graphicsIndex: bits(8),
    crtcIndex: bits(8),
    attributeIndex: bits(6),
    attributeExpectsData: v.boolean(),
    sequencer: bytes(5),
    graphics: bytes(9),
    crtc: bytes(CRTC_COUNT),
    attribute: bytes(ATTRIBUTE_COUNT),
  }),
  dac: v.object({
    mask: bits(8),
    writeIndex: bits(8),
    readIndex: bits(8),
    component: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2)),
    isReading: v.boolean(),
    isWide: v.boolean(),
    latch: bytes(3),
    colors: bytes(256 * 3),
  }),
  dispi: v.object({
    index: bits(16),
    id: v.pipe(v.number(), v.integer(), v.minValue(0xb0c0), v.maxValue(0xb0c5)),
    enable: bits(16),
    width: bits(16),
    height: bits(16),
    depth: bits(16),
    bank: bits(16),
    virtualWidth: bits(16),
    xOffset: bits(16),
    yOffset: bits(16),
    isShown: v.boolean(),
  }),
  /** The four latches, plane 0 in the low byte. */
  latch: bits(32),
  /** The start address in force, and the number of the vertical retrace after which the registers replace it. */
  startInForce: bits(16),
  startChangedAt: count,
  /** The number of the vertical retrace before which the retrace interrupt flag was last cleared. */
  retraceClearedAt: count,
})
export type SavedVga = v.InferOutput<typeof savedVga>
