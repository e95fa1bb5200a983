import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'

/** A 64-bit register in a saved state: low and high half. */
export const uint64Saved = v.tuple([bits(32), bits(32)])
export type Uint64Saved = v.InferOutput<typeof uint64Saved>

export const toHalves = (value: bigint): Uint64Saved => [Number(value & 0xffffffffn), Number(value >> 32n)]
export const fromHalves = ([low, high]: Uint64Saved): bigint => (BigInt(high) << 32n) | BigInt(low)

/** Replaces one half. @param high which */
export const withHalf = (value: bigint, half: number, high: boolean): bigint =>
  high ? (value & 0xffffffffn) | (BigInt(half) << 32n) : (value & ~0xffffffffn) | BigInt(half)
