import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'

/** Motion in counts, right, up or down as its mouse has it, and the buttons that are down meanwhile. */
export interface Movement {
  dx: number
  dy: number
  dz: number
  buttons: number
}

/** Button changes that wait; motion is added up. */
const MAX_PENDING = 16
export const MAX_COUNTS = 32_767

const counts = v.pipe(v.number(), v.integer(), v.minValue(-MAX_COUNTS), v.maxValue(MAX_COUNTS))
export const movementsSchema = v.pipe(
  v.array(v.object({ dx: counts, dy: counts, dz: counts, buttons: bits(5) })),
  v.maxLength(MAX_PENDING),
)

/** What a mouse has not told yet. Motion is added up, but each change of buttons stays one of its own. */
export class MovementQueue {
  #movements: Movement[] = []

  get length(): number {
    return this.#movements.length
  }

  /** The oldest, which may be changed in place by what has been told of it. */
  get first(): Movement | undefined {
    return this.#movements[0]
  }

  add(movement: Movement): void {
    const last = this.#movements.at(-1)
    if (!last || (last.buttons !== movement.buttons && this.#movements.length < MAX_PENDING)) {
      this.#movements.push(movement)
      return
    }
    last.dx = clamp(last.dx + movement.dx, MAX_COUNTS)
    last.dy = clamp(last.dy + movement.dy, MAX_COUNTS)
    last.dz = clamp(last.dz + movement.dz, MAX_COUNTS)
    last.buttons = movement.buttons
  }

  shift(): void {
    this.#movements.shift()
  }

  clear(): void {
    this.#movements = []
  }

  save(): Movement[] {
    return this.#movements.map((movement) => ({ ...movement }))
  }

  restore(movements: Movement[]): void {
    this.#movements = movements
  }
}

/** A whole number from -limit to limit; anything that is no number counts as 0. */
export const clamp = (value: number, limit: number): number =>
  Math.max(-limit, Math.min(limit, Math.trunc(value) || 0))
