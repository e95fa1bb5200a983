import { NT, VM } from '../isa/flags.ts'
import { CS, DS, ES, FS, GS, LDTR, SS, State, TR } from '../isa/state.ts'
import { CR0, type CpuState } from './cpu-state.ts'
import { CpuFault, NewTaskFault, Vector } from './fault.ts'
import type { Mmu } from './mmu.ts'
import type { Privilege } from './privilege.ts'
import {
  type Descriptor,
  type Segmentation,
  dplOf,
  isCode,
  isConforming,
  isPresent,
  isSegment,
  typeOf,
} from './segmentation.ts'

export type TaskCause = 'jump' | 'call' | 'return' | 'interrupt'

/** Where the fields of the two kinds of task-state segment lie (SDM vol. 3, figures 7-2 and 7-10). */
const LAYOUT = {
  16: {
    width: 2,
    link: 0,
    stacks: 2,
    ip: 14,
    flags: 16,
    registers: 18,
    segments: 34,
    segmentCount: 4,
    ldt: 42,
    size: 44,
  },
  32: {
    width: 4,
    link: 0,
    stacks: 4,
    ip: 32,
    flags: 36,
    registers: 40,
    segments: 72,
    segmentCount: 6,
    ldt: 96,
    size: 104,
  },
} as const

interface TaskImage {
  eip: number
  flags: number
  registers: number[]
  selectors: number[]
  ldt: number
  cr3: number
  trap: number
}

/** L0 to L3 and LE of DR7. */
const LOCAL_ENABLES = 0x155

const SEGMENT_ORDER = [ES, CS, SS, DS, FS, GS]

/** Hardware task switching of the 286 and 386 (SDM vol. 3, chapter 7). */
export class TaskSwitch {
  /** Called when CR3 was loaded from a task. */
  onLoadCr3: (cr3: number) => void = () => {}
  /** Called when breakpoints were local to the old task. */
  onDebugChange: () => void = () => {}
  /** Debug trap bit of the new task: #DB after the switch. */
  onDebugTrap: () => void = () => {}

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly segmentation: Segmentation,
    private readonly privilege: Privilege,
  ) {}

  /** Stack of an inner privilege level from the current task. */
  innerStack(level: number): { ss: number; esp: number } {
    const { state, mmu } = this
    const wide = typeOf(state.access(TR)) >= 8
    const at = wide ? 4 + level * 8 : 2 + level * 4
    if (at + (wide ? 5 : 3) > state.limit(TR)) throw new CpuFault(Vector.TS, state.selector(TR) & 0xfffc)
    const base = state.base(TR) + at
    return wide
      ? { esp: mmu.read(base, 4), ss: mmu.read(base + 4, 2) }
      : { esp: mmu.read(base, 2), ss: mmu.read(base + 2, 2) }
  }

  /** The caller has checked selector, type, privilege and presence of the new task's descriptor. */
  switchTo(selector: number, descriptor: Descriptor, cause: TaskCause): void {
    const { state, mmu, segmentation } = this
    const next = LAYOUT[typeOf(descriptor.access) >= 8 ? 32 : 16]
    if (descriptor.limit < next.size - 1) throw new CpuFault(Vector.TS, selector & 0xfffc)
    const old = LAYOUT[typeOf(state.access(TR)) >= 8 ? 32 : 16]
    const oldBase = state.base(TR)
    // All that may fault on a page comes before the old task is given up.
    mmu.probeWrite(oldBase, old.size)
    mmu.probeWrite(descriptor.base, next.width)
    const image = this.#read(descriptor.base, next)

    let flags = state.eflags
    if (cause === 'jump' || cause === 'return') this.#setBusy(state.selector(TR), false)
    if (cause === 'return') flags &= ~NT
    this.#save(oldBase, old, flags)
    if (cause === 'call' || cause === 'interrupt') {
      mmu.write(descriptor.base + next.link, state.selector(TR), 2)
      image.flags |= NT
    }
    if (cause !== 'return') this.#setBusy(selector, true)

    // From here on the new task is the current one, and faults belong to it.
    segmentation.setCache(TR, selector, descriptor.base, descriptor.limit, descriptor.access | 2)
    state.setWord(State.CR0, state.cr0 | CR0.TS)
    this.#dropLocalBreakpoints()
    if (next.width === 4 && state.cr0 & CR0.PG) this.onLoadCr3(image.cr3)
    try {
      this.#load(image, next)
    } catch (fault) {
      if (fault instanceof CpuFault) throw new NewTaskFault(fault.vector, fault.errorCode)
      throw fault
    }
    if (image.trap) this.onDebugTrap()
  }

  /** SDM vol. 3, 17.2.4: L0 to L3 do not outlive their task. */
  #dropLocalBreakpoints(): void {
    const { state } = this
    const control = state.word(State.DEBUG + 28)
    if (!(control & LOCAL_ENABLES)) return
    state.setWord(State.DEBUG + 28, control & ~LOCAL_ENABLES)
    this.onDebugChange()
  }

  #setBusy(selector: number, busy: boolean): void {
    const { mmu, state } = this
    const at = state.word(State.GDTR) + (selector & 0xfff8) + 5
    const access = mmu.read(at, 1)
    mmu.write(at, busy ? access | 2 : access & ~2, 1)
  }

  #read(base: number, layout: (typeof LAYOUT)[16 | 32]): TaskImage {
    const { mmu } = this
    const { width } = layout
    const word = (at: number): number => mmu.read(base + at, width)
    // The upper halves of registers from a 16-bit segment read as ones on the 386.
    const fill = width === 2 ? 0xffff0000 : 0
    return {
      eip: word(layout.ip),
      flags: word(layout.flags),
      registers: Array.from({ length: 8 }, (_, i) => word(layout.registers + i * width) | fill),
      selectors: Array.from({ length: 6 }, (_, i) =>
        i < layout.segmentCount ? mmu.read(base + layout.segments + i * width, 2) : 0,
      ),
      ldt: mmu.read(base + layout.ldt, 2),
      cr3: width === 4 ? mmu.read(base + 28, 4) : 0,
      trap: width === 4 ? mmu.read(base + 100, 2) & 1 : 0,
    }
  }

  #save(base: number, layout: (typeof LAYOUT)[16 | 32], flags: number): void {
    const { mmu, state } = this
    const { width } = layout
    const put = (at: number, value: number): void =>
      mmu.write(base + at, width === 2 ? value & 0xffff : value >>> 0, width)
    put(layout.ip, state.eip)
    put(layout.flags, flags)
    for (let i = 0; i < 8; i++) put(layout.registers + i * width, state.gpr(i))
    for (let i = 0; i < layout.segmentCount; i++)
      mmu.write(base + layout.segments + i * width, state.selector(SEGMENT_ORDER[i]!), 2)
  }

  #load(image: TaskImage, layout: (typeof LAYOUT)[16 | 32]): void {
    const { state, segmentation } = this
    const wide = layout.width === 4
    state.eip = image.eip
    state.eflags = (wide ? image.flags : (state.eflags & ~0xffff & ~VM) | image.flags) | 2
    image.registers.forEach((value, i) => state.setGpr(i, value))
    // Selectors first, as null segments: a fault while loading one finds the others in the new task's image.
    SEGMENT_ORDER.forEach((index, i) => segmentation.setCache(index, image.selectors[i]!, 0, 0, 0))
    this.#loadLdt(image.ldt)
    if (state.virtual8086) {
      this.privilege.set(3)
      SEGMENT_ORDER.forEach((index, i) => segmentation.loadParagraph(index, image.selectors[i]!))
      return
    }
    this.#loadCode(image.selectors[1]!)
    const cpl = state.cpl
    const stack = segmentation.stackDescriptor(image.selectors[2]!, cpl, Vector.TS)
    segmentation.use(SS, image.selectors[2]!, stack)
    for (const [index, i] of [
      [ES, 0],
      [DS, 3],
      [FS, 4],
      [GS, 5],
    ] as const)
      this.#loadData(index, image.selectors[i]!)
  }

  #loadLdt(selector: number): void {
    const { segmentation } = this
    segmentation.setNull(LDTR, selector)
    if ((selector & 0xfffc) === 0) return
    const descriptor = selector & 4 ? null : segmentation.read(selector)
    if (
      !descriptor ||
      isSegment(descriptor.access) ||
      typeOf(descriptor.access) !== 2 ||
      !isPresent(descriptor.access)
    )
      throw new CpuFault(Vector.TS, selector & 0xfffc)
    segmentation.use(LDTR, selector, descriptor)
  }

  #loadCode(selector: number): void {
    const { segmentation, privilege } = this
    const error = selector & 0xfffc
    const level = selector & 3
    // Before the checks, so that the handler of a fault here runs at the new task's level.
    privilege.set(level)
    if (error === 0) throw new CpuFault(Vector.TS, 0)
    const descriptor = segmentation.fetch(selector, Vector.TS)
    const { access } = descriptor
    if (!isCode(access) || (isConforming(access) ? dplOf(access) > level : dplOf(access) !== level))
      throw new CpuFault(Vector.TS, error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
    segmentation.markAccessed(descriptor)
    segmentation.use(CS, selector, descriptor)
  }

  #loadData(index: number, selector: number): void {
    const { segmentation, state } = this
    const error = selector & 0xfffc
    if (error === 0) return segmentation.setNull(index, selector)
    const descriptor = segmentation.fetch(selector, Vector.TS)
    const { access } = descriptor
    const readable = isSegment(access) && (!isCode(access) || (access & 2) !== 0)
    const allowed =
      (isCode(access) && isConforming(access)) || Math.max(state.cpl, selector & 3) <= dplOf(access)
    if (!readable || !allowed) throw new CpuFault(Vector.TS, error)
    if (!isPresent(access)) throw new CpuFault(Vector.NP, error)
    segmentation.markAccessed(descriptor)
    segmentation.use(index, selector, descriptor)
  }
}
