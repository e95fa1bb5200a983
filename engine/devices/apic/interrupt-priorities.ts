import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'
import { VectorSet } from './vector-set.ts'

const vectors = v.pipe(v.array(bits(32)), v.length(8))
export const prioritiesSaved = v.object({ tpr: bits(8), isr: vectors, tmr: vectors, irr: vectors })

const priorityClass = (vector: number): number => vector >> 4

/**
 * Which interrupts a local APIC holds and which of them its processor may have: TPR, IRR, ISR and TMR.
 * @see Intel SDM vol. 3A, "Interrupt, Task, and Processor Priority"
 */
export class InterruptPriorities {
  readonly isr = new VectorSet()
  readonly tmr = new VectorSet()
  readonly irr = new VectorSet()
  tpr = 0
  /** Greatest vectors of IRR and ISR or -1: looked up far more often than they change. */
  #irrv = -1
  #isrv = -1

  clear(): void {
    this.tpr = 0
    for (const set of [this.isr, this.tmr, this.irr]) set.clear()
    this.#irrv = this.#isrv = -1
  }

  save(): v.InferOutput<typeof prioritiesSaved> {
    const words = (set: VectorSet) => [...set.words]
    return { tpr: this.tpr, isr: words(this.isr), tmr: words(this.tmr), irr: words(this.irr) }
  }

  restore(saved: v.InferOutput<typeof prioritiesSaved>): void {
    this.tpr = saved.tpr
    this.isr.words.set(saved.isr)
    this.tmr.words.set(saved.tmr)
    this.irr.words.set(saved.irr)
    this.#irrv = this.irr.highest
    this.#isrv = this.isr.highest
  }

  request(vector: number, level: boolean): void {
    this.irr.add(vector)
    if (level) this.tmr.add(vector)
    else this.tmr.delete(vector)
    if (vector > this.#irrv) this.#irrv = vector
  }

  /** The vector that the processor may have now, or -1. */
  get deliverable(): number {
    return this.#irrv >= 0 && priorityClass(this.#irrv) > priorityClass(this.ppr) ? this.#irrv : -1
  }

  /** Moves the deliverable vector from requested to in service. */
  begin(): number {
    const vector = this.deliverable
    if (vector < 0) return -1
    this.irr.delete(vector)
    this.isr.add(vector)
    this.#isrv = vector
    this.#irrv = this.irr.highest
    return vector
  }

  /** Ends the greatest vector in service and returns it, or -1. */
  end(): number {
    const vector = this.#isrv
    if (vector < 0) return -1
    this.isr.delete(vector)
    this.#isrv = this.isr.highest
    return vector
  }

  /** Processor priority. */
  get ppr(): number {
    const vector = this.#isrv
    return vector < 0 || priorityClass(this.tpr) >= priorityClass(vector) ? this.tpr : vector & 0xf0
  }

  /** Arbitration priority. */
  get apr(): number {
    const requested = this.#irrv < 0 ? 0 : this.#irrv & 0xf0
    const serving = this.#isrv < 0 ? 0 : this.#isrv & 0xf0
    const task = this.tpr & 0xf0
    return task >= requested && task > serving ? this.tpr : Math.max(task, requested, serving)
  }
}
