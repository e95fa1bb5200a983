import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import { EngineError } from '../../base/errors.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BulkPort, BusDevice } from '../../bus/bus-device.ts'
import { technical } from '../../protocol/reasons.ts'
import type { DiskFaultListener } from '../../storage/block-image.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import { AtaDisk, type AtaDiskOptions } from './ata-disk.ts'
import { AtapiCdrom, type CdromOptions } from './atapi-cdrom.ts'
import { BusMaster, busMasterSchema, type DmaMemory, type DmaPort } from './bus-master.ts'
import { DEFAULT_IDE_TIMING, type DriveSignals, type IdeTiming } from './drive-core.ts'
import type { IdeDrive } from './ide-drive.ts'
import { COMMAND, CONTROL, DEVICE, REG, STATUS } from './registers.ts'

/** What hangs on one connector of the cable. */
export type IdeDriveOptions = ({ kind: 'disk' } & AtaDiskOptions) | ({ kind: 'cdrom' } & CdromOptions)

export interface IdeChannelOptions {
  /** Unique in a machine: ide0 for the primary, ide1 for the secondary channel. */
  id: string
  /** Device 0 (master) and device 1 (slave). */
  drives: [IdeDriveOptions | null, IdeDriveOptions | null]
  /** Guest memory, when the channel has a bus master. */
  memory?: DmaMemory
  timing?: Partial<IdeTiming>
  /** Told when the host fails an access; the guest sees an error of the drive. */
  onFault?: DiskFaultListener
}

const channelSchema = v.strictObject({
  version: v.literal(1),
  control: bits(8),
  /** Device register as last written: which drive the host talks to. */
  select: bits(8),
  drives: v.strictTuple([v.unknown(), v.unknown()]),
  busMaster: v.nullable(busMasterSchema),
})

type Selected = 0 | 1

/**
 * One IDE channel with up to two drives. The command block (1F0h or 170h, 8 ports) is the channel itself, whose
 * offset 0 also moves string I/O in blocks; `controlBlock` is port 3F6h or 376h.
 *
 * Writes to the task file reach both drives, and only the DEV bit tells which of them answers.
 * @see T13/1321D (ATA/ATAPI-5) 7 and 9.16 (single-device configurations)
 */
export class IdeChannel implements Device, BusDevice, BulkPort, DmaPort {
  readonly id: string
  readonly drives: readonly [AtaDisk | AtapiCdrom | null, AtaDisk | AtapiCdrom | null]
  readonly busMaster: BusMaster | null
  /** Alternate status when read, device control when written. */
  readonly controlBlock: BusDevice = {
    read: () => this.#status(),
    write: (_offset, value) => this.#writeControl(value),
  }
  #control = 0
  #select: number = DEVICE.OBSOLETE_ONES
  #lineHigh = false

  /** @param irq interrupt 14 or 15. Throws `option-invalid` for an impossible disk geometry. */
  constructor(
    clock: Clock,
    private readonly irq: Line,
    options: IdeChannelOptions,
  ) {
    this.id = options.id
    const timing = { ...DEFAULT_IDE_TIMING, ...options.timing }
    const onFault = options.onFault ?? (() => {})
    const attach = (drive: IdeDriveOptions | null, place: 'master' | 'slave') => {
      if (!drive) return null
      const signals: DriveSignals = {
        interruptChanged: () => this.#updateLine(),
        dmaReady: () => this.busMaster?.driveReady(),
      }
      const id = `${this.id}-${place}`
      return drive.kind === 'disk'
        ? new AtaDisk(id, clock, signals, timing, drive, onFault)
        : new AtapiCdrom(id, clock, signals, timing, drive, onFault)
    }
    this.busMaster = options.memory
      ? new BusMaster(clock, options.memory, this, timing.commandNs + timing.irqDelayNs)
      : null
    this.drives = [null, null] // while they come up
    this.drives = [attach(options.drives[0], 'master'), attach(options.drives[1], 'slave')]
  }

  reset(): void {
    this.#control = 0
    this.#select = DEVICE.OBSOLETE_ONES
    for (const drive of this.drives) drive?.reset()
    this.busMaster?.reset()
    this.#updateLine()
  }

  save() {
    return {
      version: 1 as const,
      control: this.#control,
      select: this.#select,
      drives: this.drives.map((drive) => drive?.save() ?? null),
      busMaster: this.busMaster?.save() ?? null,
    }
  }

  restore(state: unknown): void {
    const { control, select, drives, busMaster } = parseSaved(this.id, channelSchema, state)
    for (const [index, drive] of this.drives.entries()) {
      const saved = drives[index]
      const reason = drive ? drive.refuse(saved) : saved === null ? null : 'a drive that is not there'
      if (reason)
        throw new EngineError('state-invalid', {
          device: this.id,
          reason: technical(`drives.${index}: ${reason}`),
        })
    }
    if ((busMaster === null) !== (this.busMaster === null))
      throw new EngineError('state-invalid', {
        device: this.id,
        reason: technical('busMaster: one has none'),
      })
    this.#control = control
    this.#select = select
    for (const [index, drive] of this.drives.entries()) drive?.restore(drives[index])
    this.#updateLine()
    // Last: an interrupt line that rises while it is restored has been noted before.
    if (busMaster) this.busMaster?.restore(busMaster)
  }

  read(offset: number, size: AccessSize): number {
    if (offset === REG.DATA) return this.#readData(size)
    let value = 0
    for (let index = 0; index < size; index++) value |= this.#readRegister(offset + index) << (8 * index)
    return value >>> 0
  }

  write(offset: number, value: number, size: AccessSize): void {
    if (offset === REG.DATA) return this.#writeData(value, size)
    for (let index = 0; index < size; index++)
      this.#writeRegister(offset + index, (value >>> (8 * index)) & 0xff)
  }

  readBlock(into: Uint8Array): number {
    const drive = this.#selected
    if (drive?.core.phase !== 'data-in') return 0
    const { core } = drive
    const count = Math.min(into.length, core.end - core.position) & ~3
    into.set(core.buffer.subarray(core.position, core.position + count))
    this.#moved(drive, count)
    return count
  }

  writeBlock(from: Uint8Array): number {
    const drive = this.#selected
    if (!drive || (drive.core.phase !== 'data-out' && drive.core.phase !== 'packet')) return 0
    const { core } = drive
    const count = Math.min(from.length, core.end - core.position) & ~3
    core.buffer.set(from.subarray(0, count), core.position)
    this.#moved(drive, count)
    return count
  }

  get dmaDirection(): 'in' | 'out' | null {
    const phase = this.#selected?.core.phase
    return phase === 'dma-in' ? 'in' : phase === 'dma-out' ? 'out' : null
  }

  get dmaData(): Uint8Array {
    return this.#selected?.core.pending ?? new Uint8Array()
  }

  dmaMoved(bytes: number): void {
    const drive = this.#selected
    if (drive) this.#moved(drive, bytes)
  }

  dmaCutShort(): void {
    this.#selected?.dmaCutShort()
  }

  #moved(drive: IdeDrive, bytes: number): void {
    const { core } = drive
    core.position += bytes
    if (bytes > 0 && core.position >= core.end) drive.blockDone()
  }

  get #selectedIndex(): Selected {
    return this.#select & DEVICE.DEV ? 1 : 0
  }

  get #selected(): AtaDisk | AtapiCdrom | null {
    return this.drives[this.#selectedIndex]
  }

  /** Only the selected drive drives the wire, and only while nIEN is clear. */
  #updateLine(): void {
    const high = !!this.#selected?.core.interrupt && !(this.#control & CONTROL.NIEN)
    if (high && !this.#lineHigh) this.busMaster?.noteInterrupt()
    this.#lineHigh = high
    this.irq.set(high)
  }

  /** Data port: 16 or 32 bits. An 8-bit cycle moves a word too, of which the upper half is lost. */
  #readData(size: AccessSize): number {
    const drive = this.#selected
    if (drive?.core.phase !== 'data-in') return 0
    const { core } = drive
    const width = size === 4 ? 4 : 2
    let value = 0
    for (let index = 0; index < width; index++)
      if (core.position + index < core.end) value |= core.buffer[core.position + index]! << (8 * index)
    this.#moved(drive, Math.min(width, core.end - core.position))
    return size === 1 ? value & 0xff : value >>> 0
  }

  #writeData(value: number, size: AccessSize): void {
    const drive = this.#selected
    // In the data-in phase of a packet command what is written here is no packet: Solaris 2.6 does that.
    if (!drive || (drive.core.phase !== 'data-out' && drive.core.phase !== 'packet')) return
    const { core } = drive
    const width = Math.min(size === 4 ? 4 : 2, core.end - core.position)
    for (let index = 0; index < width; index++) core.buffer[core.position + index] = value >>> (8 * index)
    this.#moved(drive, width)
  }

  #readRegister(offset: number): number {
    if (offset === REG.STATUS_COMMAND) {
      const drive = this.#selected
      if (drive?.core.interrupt) drive.core.setInterrupt(false)
      return this.#status()
    }
    if (offset > REG.STATUS_COMMAND) return 0xff
    // A lone device 0 answers for the absent device 1, and MINIX 2 wants the same the other way round.
    const drive = this.#selected ?? this.drives[1 - this.#selectedIndex]
    if (!drive) return 0
    if (offset === REG.DEVICE && drive !== this.#selected) return this.#select
    return drive.core.taskFile.read(offset, this.#control)
  }

  /** An absent drive has status 0, so nobody waits for it. */
  #status(): number {
    return this.#selected?.core.status ?? 0
  }

  #writeRegister(offset: number, value: number): void {
    if (offset === REG.STATUS_COMMAND) return this.#writeCommand(value)
    if (offset > REG.STATUS_COMMAND || offset === REG.DATA) return
    if (this.#status() & STATUS.BSY) return
    this.#control &= ~CONTROL.HOB
    for (const drive of this.drives)
      if (drive && !(drive.core.status & STATUS.BSY)) drive.core.taskFile.write(offset, value)
    if (offset !== REG.DEVICE) return
    this.#select = value | DEVICE.OBSOLETE_ONES
    this.#updateLine()
  }

  #writeCommand(opcode: number): void {
    if (this.#control & CONTROL.SRST) return
    this.#control &= ~CONTROL.HOB
    if (opcode === COMMAND.EXECUTE_DEVICE_DIAGNOSTIC) return this.#diagnose()
    const drive = this.#selected
    if (!drive) return
    const resets = drive.kind === 'cdrom' && opcode === COMMAND.DEVICE_RESET
    if (drive.core.status & STATUS.BSY && !resets) return
    drive.command(opcode)
  }

  /** Both drives test themselves; device 0 answers for both. */
  #diagnose(): void {
    if (this.#status() & STATUS.BSY) return
    this.#select = DEVICE.OBSOLETE_ONES
    const [first, second] = this.drives
    first?.diagnose(true)
    second?.diagnose(!first)
    this.#updateLine()
  }

  #writeControl(value: number): void {
    const was = this.#control
    this.#control = value & (CONTROL.HOB | CONTROL.SRST | CONTROL.NIEN)
    const srst = value & CONTROL.SRST
    if (srst && !(was & CONTROL.SRST)) {
      this.#select = DEVICE.OBSOLETE_ONES
      for (const drive of this.drives) drive?.beginReset()
    } else if (!srst && was & CONTROL.SRST) for (const drive of this.drives) drive?.endReset()
    this.#updateLine()
  }
}
