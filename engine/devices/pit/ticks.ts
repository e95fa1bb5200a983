import { NS_PER_SECOND } from '../../base/clock.ts'

/** The PIT's input clock is 14.31818 MHz / 12 = 105/88 MHz exactly: 21 ticks in 17,600 ns. */
const TICKS = 21
const NS = 17_600

export const PIT_HZ = (NS_PER_SECOND * TICKS) / NS

/** Ticks that have passed at a guest time. Split in two so that no product leaves the exact integers. */
export function ticksAt(ns: number): number {
  const whole = Math.floor(ns / NS)
  return whole * TICKS + Math.floor(((ns - whole * NS) * TICKS) / NS)
}

/** The first whole nanosecond at which `ticksAt` gives this tick. */
export function nsOfTick(tick: number): number {
  const whole = Math.floor(tick / TICKS)
  return whole * NS + Math.ceil(((tick - whole * TICKS) * NS) / TICKS)
}
