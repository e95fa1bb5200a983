import type { CommandName } from './commands.ts'
import type { FdcCore } from './fdc-core.ts'
import { newTransfer, type Transfer } from './fdc-state.ts'
import { type FdcTiming, placeOf } from './fdc-timing.ts'
import { CONFIGURE, ST0, ST1 } from './registers.ts'
import { hasHeaders, indexOf, SECTOR_CODE } from './sector-transfer.ts'
import type { SectorMover } from './sector-mover.ts'

const KINDS: Partial<Record<CommandName, Transfer['kind']>> = {
  'read-data': 'read',
  'read-deleted': 'read',
  'write-data': 'write',
  'write-deleted': 'write',
  'read-track': 'read-track',
  verify: 'verify',
  'scan-equal': 'scan-equal',
  'scan-low-or-equal': 'scan-low-or-equal',
  'scan-high-or-equal': 'scan-high-or-equal',
}

/** The commands with an execution phase in which sectors, or their headers, pass the head. */
export class DataCommands {
  constructor(
    private readonly core: FdcCore,
    private readonly timing: FdcTiming,
    private readonly mover: SectorMover,
  ) {}

  /** False when the command is not one of these. */
  execute(name: CommandName): boolean {
    const kind = KINDS[name]
    if (kind) this.#startTransfer(kind, name === 'read-deleted')
    else if (name === 'format') this.#startFormat()
    else if (name === 'read-id') this.#startReadId()
    else return false
    return true
  }

  #startReadId(): void {
    const { core } = this
    const { state, selected } = core
    const [opcode = 0, select = 0] = state.command
    const transfer = this.#enter(newTransfer('read-track', select & 3, (select >> 2) & 1))
    const sectors = selected?.sectors(transfer.head) ?? []
    const mfm = (opcode & 0x40) !== 0
    if (!selected || !mfm || !hasHeaders(selected, core.motorOn, state.rate, transfer.head))
      return this.#notFound(ST1.MA | ST1.ND)
    // Rotating: which header comes next is what Coherent finds out the interleave from.
    const { delayNs, index } = this.timing.nextHeader(core.clock.nowNs, selected, sectors)
    selected.rotation = (index + 1) % sectors.length
    transfer.c = selected.mediumTrack ?? 0
    transfer.r = sectors[index]!.id
    transfer.n = sectors[index]!.sizeCode
    core.wait('read-id', delayNs)
  }

  readIdEnded(): void {
    const { transfer, rate } = this.core.state
    if (transfer && hasHeaders(this.core.selected, this.core.motorOn, rate, transfer.head))
      this.core.finish(0)
    else this.#notFound(ST1.MA | ST1.ND)
  }

  #startTransfer(kind: Transfer['kind'], deleted: boolean): void {
    const { core } = this
    const { state, selected } = core
    const [opcode = 0, select = 0, c = 0, h = 0, r = 0, n = 0, eot = 0, , dtl = 0] = state.command
    const unit = select & 3
    const readTrack = kind === 'read-track'
    const transfer = this.#enter({
      ...newTransfer(kind, unit, (select >> 2) & 1),
      c,
      h,
      r: readTrack ? 1 : r,
      n,
      eot,
      deleted,
      // READ TRACK counts to EOT; VERIFY counts when EC is set.
      left: readTrack ? eot : kind === 'verify' && select & 0x80 ? dtl : null,
      extra: dtl,
      multiTrack: !readTrack && (opcode & 0x80) !== 0,
      skip: (opcode & 0x20) !== 0,
    })
    let seekNs = 0
    if (state.configure & CONFIGURE.EIS) {
      const steps = c - state.pcn[unit]!
      selected?.step(steps)
      state.pcn[unit] = c
      if (steps !== 0) seekNs = this.timing.seekNs(steps, state.specify[0] >> 4, state.rate)
    }
    if (kind === 'write' && selected?.writeProtected) return this.#failWriteProtected(transfer)
    if (!(opcode & 0x40)) return this.#notFound(ST1.MA | ST1.ND)
    this.startSector(seekNs)
  }

  #startFormat(): void {
    const { core } = this
    const { state, selected } = core
    const [opcode = 0, select = 0, n = 0, sectors = 0, , fill = 0] = state.command
    const transfer = this.#enter({
      ...newTransfer('format', select & 3, (select >> 2) & 1),
      n,
      eot: sectors,
      left: sectors,
      extra: fill,
    })
    if (selected?.writeProtected) return this.#failWriteProtected(transfer)
    // An image keeps its format: another number or size of sectors has no place in it. Sectors of mixed sizes are
    // made of more and smaller ones, most of which the data of others is then written over.
    const geometry = selected?.medium?.geometry
    const sameFormat =
      geometry?.layout === undefined ? geometry?.sectors === sectors && n === SECTOR_CODE : sectors > 0
    if (!(opcode & 0x40) || !sameFormat || !hasHeaders(selected, core.motorOn, state.rate, transfer.head))
      return this.#notFound(ST1.MA | ST1.ND)
    this.startSector()
  }

  #enter(transfer: Transfer): Transfer {
    const { state } = this.core
    state.transfer = transfer
    state.phase = 'execution'
    state.head = transfer.head
    if (transfer.eot) state.lastEot = transfer.eot
    return transfer
  }

  #failWriteProtected(transfer: Transfer): void {
    transfer.st1 |= ST1.NW
    this.core.wait('fail', this.timing.resetNs)
  }

  /** Looks for a header for two turns of the disk, and fails. */
  #notFound(st1: number): void {
    const { transfer } = this.core.state
    if (transfer) transfer.st1 |= st1
    this.core.wait('fail', this.timing.notFoundNs(this.core.selected))
  }

  /** Waits for the sector to pass, after `seekNs` of moving the head. */
  startSector(seekNs = 0): void {
    const { core } = this
    const { transfer } = core.state
    if (!transfer) return
    const passNs = this.timing.sectorNs(core.clock.nowNs + seekNs, core.selected, this.#place(transfer))
    core.wait('sector', seekNs + passNs)
  }

  /** Where the next sector is on its track. Any place will do for one that the track has not. */
  #place(transfer: Transfer): { from: number; to: number } {
    const { kind, eot, left, head } = transfer
    if (kind === 'format') return { from: (eot - (left ?? 0)) / eot, to: (eot - (left ?? 0) + 1) / eot }
    const sectors = this.core.selected?.sectors(head) ?? []
    const index = indexOf(sectors, transfer)
    return sectors[index] ? placeOf(sectors, index) : { from: 0, to: 1 }
  }

  /** Moves as many sectors as the pace allows now. At most the sectors of a cylinder follow each other at once. */
  runTransfer(): void {
    const { core, mover } = this
    const { transfer } = core.state
    if (!transfer) return
    for (;;) {
      const step = core.nonDma
        ? mover.offerSector(transfer, core.medium)
        : mover.moveSector(transfer, core.medium, core.requestsEnabled)
      if (step === 'not-found') return this.#notFound(0)
      if (step === 'ended') return core.finish(mover.st0)
      if (step === 'offered') return core.setInterrupt(true)
      if (this.timing.pace === 'exact') return this.startSector()
    }
  }

  /** Non-DMA mode: one interrupt per byte, and the sector goes on when it is complete. */
  byteMoved(transfer: Transfer): void {
    const { core, mover } = this
    core.setInterrupt(false)
    if (transfer.position < transfer.length) core.setInterrupt(true)
    else if (mover.completeSector(transfer, core.medium)) this.startSector()
    else core.finish(mover.st0)
  }

  /** Nothing was found in two turns. */
  searchEnded(): void {
    this.core.finish(ST0.IC_ABNORMAL)
  }
}
