import { CpuFault, Vector } from '../../../engine/vcpu/fault.ts'
import { CPU_MODELS } from '../../../engine/vcpu/model.ts'
import { type TestProcessor, buildProcessor } from '../cpu/processor.ts'
import { ORIGIN, type Piece, type Report, readReports } from './harness.ts'
import { RAM_MIB } from './layout.ts'

const CONTROL = 0x500
/** A case has a few dozen instructions, the harness some 150,000 about it. */
const BUDGET_PER_CASE = 1_000_000

export interface OwnRun {
  reports: Report[]
  /** Cases (by number, from 1) in which an access was refused for the limit or the rights of its segment. */
  refused: Set<number>
  /** The number of a case that does not end, or loses its way into the harness; 0 for none. */
  astray: number
}

/** Our processor with the harness in its memory. */
export class OwnMachine {
  readonly #processor: TestProcessor
  #output: number[] = []
  #ended = false
  #refused = new Set<number>()

  constructor(entriesUntilHot?: number) {
    const processor = buildProcessor({
      model: CPU_MODELS.pentium3,
      withFpu: true,
      ...(entriesUntilHot !== undefined && { entriesUntilHot }),
    })
    this.#processor = processor
    const { ports, memory, vcpu } = processor
    const port = (name: string, base: number, write: (value: number) => void): void => {
      ports.map({ name, base, length: 1 }, { read: () => base, write: (_offset, value) => write(value) })
    }
    port('report', 0xe9, (value) => void this.#output.push(value))
    port('A20', 0x92, (value) => memory.setA20((value & 2) !== 0))
    port('end', 0xf4, () => {
      this.#ended = true
      vcpu.requestStop()
    })
    const { segmentation, exceptions } = vcpu
    const raise = exceptions.raise.bind(exceptions)
    exceptions.raise = (fault, cause) => {
      // Pushes and pops of the processor itself check their stack otherwise.
      if (fault.vector === Vector.SS && fault.errorCode === 0) this.#refused.add(this.#current)
      return raise(fault, cause)
    }
    const check = segmentation.check.bind(segmentation)
    segmentation.check = (...access) => {
      try {
        return check(...access)
      } catch (fault) {
        if (fault instanceof CpuFault) this.#refused.add(this.#current)
        throw fault
      }
    }
  }

  get #current(): number {
    return this.#processor.ramView.getUint32(CONTROL, true)
  }

  run(pieces: readonly Piece[], cases: number, verbose = false): OwnRun {
    const { vcpu, memory } = this.#processor
    this.#output = []
    this.#ended = false
    this.#refused = new Set()
    memory.setA20(true)
    memory.dmaWrite(0, new Uint8Array(RAM_MIB << 20))
    for (const { address, bytes } of pieces) memory.dmaWrite(address, bytes)
    this.#reset()
    let astray = 0
    for (let current = -1; !this.#ended;) {
      const exit = vcpu.run(BUDGET_PER_CASE)
      if (this.#ended) break
      if (exit === 'shutdown') this.#reset()
      else if (exit === 'halt' || (this.#current === current && exit === 'stop')) {
        astray = current
        break
      }
      current = this.#current
    }
    const list = readReports(Uint8Array.from(this.#output), verbose)
    const wrong = list.findIndex(({ words }, i) => words[0] !== i + 1)
    if (astray === 0 && wrong >= 0) astray = Math.min(list[wrong]!.words[0]!, wrong + 1)
    if (astray === 0 && list.length !== cases) astray = list.length + 1
    return { reports: list, refused: this.#refused, astray }
  }

  #reset(): void {
    const { vcpu } = this.#processor
    vcpu.reset()
    vcpu.segmentation.setCache(1, 0, 0, 0xffff, 0x93)
    vcpu.state.eip = ORIGIN
  }
}
