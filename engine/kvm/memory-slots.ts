import type { MemoryMap, MemoryObserver, PageRun } from '../bus/memory-map.ts'
import { PAGE_SIZE } from '../memory/layout.ts'
import { MEM } from './abi.ts'
import type { Slot, VirtualMachine } from './virtual-machine.ts'

const PAGES = 1 << 20
/** Pages of 1 MiB. */
const MEBIBYTE = 0x100

/** A stretch of guest-physical memory as KVM knows it. */
interface MappedSlot extends Slot {
  firstPage: number
  pageCount: number
  /** Page of the memory map that the first page shows: another one in the mirror below a closed A20 gate. */
  shownPage: number
}

/** What a slot is to be made of. */
type Wanted = PageRun & { shownPage: number }

/**
 * Keeps KVM's memory slots like the memory map: RAM as it is, ROM and write-protected RAM read-only (writes come
 * out as exits), video memory with a dirty log, everything else left out, so that each access is an exit.
 * Changes are gathered and made before the guest runs next.
 *
 * KVM knows no A20 gate. While it is closed the second MiB shows the first; higher odd ones, which no real-mode
 * program can reach, stay as they are.
 */
export class MemorySlots implements MemoryObserver {
  #slots: MappedSlot[] = []
  #freeIds: number[] = []
  #nextId = 0
  /** Pages whose slots may be out of date: from, up to and without. */
  #stale: [number, number] | null = [0, PAGES]
  #isA20Open = true
  /** Slots made or removed. */
  changes = 0

  /** @param linearAddress host address of linear memory */
  constructor(
    private readonly vm: VirtualMachine,
    private readonly memory: MemoryMap,
    private readonly linearAddress: number,
  ) {}

  // MemoryObserver.

  remapped(firstPage: number, pageCount: number): void {
    const isA20Open = this.memory.a20Mask === 0xffffffff
    if (isA20Open !== this.#isA20Open) {
      this.#isA20Open = isA20Open
      this.#markStale(MEBIBYTE, 2 * MEBIBYTE)
    } else this.#markStale(firstPage, firstPage + pageCount)
  }

  written(): void {}

  collectDirty(firstPage: number, pageCount: number): void {
    for (const slot of this.#slots) {
      if (slot.shownPage < firstPage + pageCount && firstPage < slot.shownPage + slot.pageCount)
        this.#collect(slot)
    }
  }

  /** Brings the slots up to date. To be called before each entry of the guest. */
  update(): void {
    if (!this.#stale) return
    const [from, to] = this.#cover(this.#stale)
    const wanted = this.#wanted(from, to)
    this.#stale = null
    const old = this.#slots.filter((slot) => slot.firstPage >= from && slot.firstPage < to)
    const keeps = (slot: MappedSlot, run: PageRun): boolean =>
      slot.firstPage === run.firstPage &&
      slot.pageCount === run.pageCount &&
      slot.hostAddress === this.linearAddress + run.offset &&
      slot.flags === flagsOf(run)
    // Room first: slots may not overlap at any time.
    for (const slot of old) if (!wanted.some((run) => keeps(slot, run))) this.#remove(slot)
    for (const run of wanted) if (!this.#slots.some((slot) => keeps(slot, run))) this.#add(run)
  }

  #markStale(from: number, to: number): void {
    this.#stale = this.#stale ? [Math.min(from, this.#stale[0]), Math.max(to, this.#stale[1])] : [from, to]
  }

  /** The range grown to whole slots, and to the mirror of the first MiB while A20 is closed. */
  #cover([from, to]: [number, number]): [number, number] {
    if (!this.#isA20Open && from < MEBIBYTE) to = Math.max(to, 2 * MEBIBYTE)
    for (const { firstPage, pageCount } of this.#slots) {
      if (firstPage >= to || firstPage + pageCount <= from) continue
      from = Math.min(from, firstPage)
      to = Math.max(to, firstPage + pageCount)
    }
    return [from, to]
  }

  /** What slots there should be. Always cut at 1 and 2 MiB, so that the A20 gate does not touch the rest. */
  #wanted(from: number, to: number): Wanted[] {
    const runs: Wanted[] = []
    const cuts = [from, MEBIBYTE, 2 * MEBIBYTE, to].filter((page) => page >= from && page <= to)
    for (let i = 1; i < cuts.length; i++) {
      const [first, end] = [cuts[i - 1]!, cuts[i]!]
      const isMirror = !this.#isA20Open && first >= MEBIBYTE && first < 2 * MEBIBYTE
      const shift = isMirror ? MEBIBYTE : 0
      for (const run of this.memory.directRuns(first - shift, end - first))
        runs.push({ ...run, firstPage: run.firstPage + shift, shownPage: run.firstPage })
    }
    return runs
  }

  #add(run: Wanted): void {
    const slot: MappedSlot = {
      id: this.#freeIds.pop() ?? this.#nextId++,
      flags: flagsOf(run),
      guestAddress: run.firstPage * PAGE_SIZE,
      bytes: run.pageCount * PAGE_SIZE,
      hostAddress: this.linearAddress + run.offset,
      firstPage: run.firstPage,
      pageCount: run.pageCount,
      shownPage: run.shownPage,
    }
    this.vm.setSlot(slot)
    this.#slots.push(slot)
    this.changes++
  }

  #remove(slot: MappedSlot): void {
    this.#collect(slot)
    this.vm.setSlot({ ...slot, bytes: 0 })
    this.#slots = this.#slots.filter((other) => other !== slot)
    this.#freeIds.push(slot.id)
    this.changes++
  }

  #collect(slot: MappedSlot): void {
    if (!(slot.flags & MEM.LOG_DIRTY_PAGES)) return
    for (const page of this.vm.takeDirtyLog(slot)) this.memory.noteWrite(slot.shownPage + page)
  }
}

const flagsOf = ({ isWritable, tracksDirty }: PageRun): number =>
  (isWritable ? 0 : MEM.READONLY) | (tracksDirty ? MEM.LOG_DIRTY_PAGES : 0)
