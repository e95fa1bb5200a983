import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import { asDiskError, type BlockImage, type DiskFaultListener } from '../../storage/block-image.ts'
import { bits } from '../../base/saved-state.ts'
import { plainCommand, type SectorCommand, sectorCommand } from './ata-commands.ts'
import { type ChsGeometry, checkGeometry, defaultGeometry } from './disk-geometry.ts'
import { DiskSettings, diskSettingsSchema } from './disk-settings.ts'
import { DriveCore, driveCoreSchema, type DriveSignals, type IdeTiming } from './drive-core.ts'
import type { IdeDrive } from './ide-drive.ts'
import { type DriveIdentity, identifyDisk } from './identify.ts'
import { COMMAND, ERROR, STATUS, STATUS_READY } from './registers.ts'

const SECTOR_BYTES = 512
/** What DMA moves at a time: a guest's 32 MiB command must not keep the host's thread for long. */
const DMA_SECTORS = 128

const sectorNumber = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 48))

const diskSchema = v.strictObject({
  core: driveCoreSchema,
  /** What follows the busy time. */
  step: v.picklist([
    'none',
    'load',
    'store',
    'verify',
    'offer-dma',
    'identify',
    'complete',
    'reset',
    'diagnose',
    'diagnose-quietly',
  ]),
  /** Error register of a `complete`. */
  failure: bits(8),
  operation: v.picklist(['read', 'write', 'verify']),
  by: v.picklist(['sector', 'multiple', 'dma']),
  extended: v.boolean(),
  lba: sectorNumber,
  remaining: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65536)),
  settings: diskSettingsSchema,
})

type DiskState = Omit<v.InferOutput<typeof diskSchema>, 'core' | 'settings'>

const idleState = (): DiskState => ({
  step: 'none',
  failure: 0,
  operation: 'read',
  by: 'sector',
  extended: false,
  lba: 0,
  remaining: 0,
})

export interface AtaDiskOptions {
  image: BlockImage
  /** Default: 16 heads of 63 sectors. */
  geometry?: ChsGeometry
  identity: DriveIdentity
}

/**
 * An ATA hard disk: CHS, LBA28 and LBA48; PIO by sector or block, and DMA.
 * @see T13/1321D (ATA/ATAPI-5), T13/1410D (LBA48)
 */
export class AtaDisk implements IdeDrive {
  readonly kind = 'disk'
  readonly core: DriveCore
  readonly geometry: ChsGeometry
  readonly #settings: DiskSettings
  #state: DiskState = idleState()

  /** @param id shown to the user, such as ide0-master. Throws `option-invalid` for an impossible geometry. */
  constructor(
    readonly id: string,
    clock: Clock,
    signals: DriveSignals,
    private readonly timing: IdeTiming,
    private readonly options: AtaDiskOptions,
    private readonly onFault: DiskFaultListener,
  ) {
    const { image, geometry } = options
    if (geometry) checkGeometry(geometry, image.sectorCount)
    this.geometry = geometry ?? defaultGeometry(image.sectorCount)
    this.core = new DriveCore(clock, DMA_SECTORS * SECTOR_BYTES, signals, () => this.#proceed())
    this.#settings = new DiskSettings(this.geometry, image.sectorCount)
    this.reset()
  }

  reset(): void {
    this.#state = idleState()
    this.#settings.reset()
    this.core.powerOn('ata', STATUS_READY)
  }

  /** Translation, block size and transfer mode outlive a software reset: not all drivers set them again. */
  beginReset(): void {
    this.#state.step = 'none'
    this.core.hold()
  }

  endReset(): void {
    this.#wait('reset', this.timing.resetNs)
  }

  diagnose(interrupt: boolean): void {
    this.core.abandon()
    this.#wait(interrupt ? 'diagnose' : 'diagnose-quietly', this.timing.commandNs)
  }

  command(opcode: number): void {
    const { core } = this
    core.abandon()
    const sectors = sectorCommand(opcode)
    if (sectors) return this.#startSectors(sectors)
    const plain = plainCommand(opcode)
    if (plain)
      return this.#complete(plain === 'flush' ? this.#flush() : this.#settings.execute(plain, core.taskFile))
    if (opcode === COMMAND.IDENTIFY_DEVICE) return this.#wait('identify', this.timing.commandNs)
    // NOP too, PACKET and IDENTIFY PACKET DEVICE, SMART, security, and what vendors added.
    this.#complete(ERROR.ABRT)
  }

  blockDone(): void {
    const { core } = this
    const state = this.#state
    if (core.phase === 'data-out') return this.#wait('store', this.#betweenBlocksNs)
    if (core.phase === 'dma-out') {
      this.#store()
      return
    }
    const { phase } = core
    if (state.remaining > 0 && phase === 'dma-in') return this.#load()
    if (state.remaining > 0) return this.#wait('load', this.#betweenBlocksNs)
    // Nothing follows the last word read by PIO, neither an interrupt nor a moment of being busy.
    core.finish()
    if (phase === 'dma-in') core.setInterrupt(true)
  }

  /** As the PIIX does: the disk goes on asking, and the host finds the bus master inactive without an interrupt. */
  dmaCutShort(): void {}

  get #betweenBlocksNs(): number {
    return this.timing.blockNs + this.timing.irqDelayNs
  }

  #wait(step: DiskState['step'], delayNs: number): void {
    this.#state.step = step
    this.core.beBusy(delayNs)
  }

  #complete(failure: number): void {
    this.#state.failure = failure
    this.#wait('complete', this.timing.commandNs)
  }

  #proceed(): void {
    const { core } = this
    const { step, failure } = this.#state
    this.#state.step = 'none'
    switch (step) {
      case 'none':
        return
      case 'load':
        return this.#load()
      case 'store':
        return this.#store()
      case 'verify':
        return this.#verify()
      case 'offer-dma':
        return this.#offerWrite()
      case 'identify':
        core.buffer.set(this.#identify())
        core.position = 0
        this.#state.remaining = 0
        core.offer('data-in', SECTOR_BYTES)
        return core.setInterrupt(true)
      case 'complete':
        return failure ? this.#fail(failure) : this.#succeed()
      case 'reset':
      case 'diagnose':
      case 'diagnose-quietly':
        core.finish()
        core.taskFile.reset('ata')
        if (step === 'diagnose') core.setInterrupt(true)
    }
  }

  #succeed(): void {
    this.core.taskFile.error = 0
    this.core.finish()
    this.core.setInterrupt(true)
  }

  #fail(error: number): void {
    this.core.taskFile.error = error
    this.core.finish(STATUS_READY | STATUS.ERR)
    this.core.setInterrupt(true)
  }

  #identify(): Uint8Array {
    const { geometry, options } = this
    const { values, current } = this.#settings
    return identifyDisk({
      ...options.identity,
      ...values,
      sectorCount: options.image.sectorCount,
      geometry,
      current,
    })
  }

  #startSectors({ operation, by, extended }: SectorCommand): void {
    const state = this.#state
    const { taskFile } = this.core
    const lba = this.#settings.address(taskFile, extended)
    const count = extended ? taskFile.count : taskFile.count & 0xff
    taskFile.error = 0
    if (by === 'multiple' && this.#settings.values.multiple === 0) return this.#complete(ERROR.ABRT)
    if (operation === 'write' && this.options.image.readonly) return this.#complete(ERROR.ABRT)
    if (lba === null || lba >= this.options.image.sectorCount) return this.#complete(ERROR.IDNF)
    const remaining = count || (extended ? 65536 : 256)
    Object.assign(state, { operation, by, extended, lba, remaining })
    this.#settings.values.standby = false
    const delayNs = this.timing.commandNs + this.timing.irqDelayNs
    if (operation === 'read') this.#wait('load', delayNs)
    else if (operation === 'verify') this.#wait('verify', this.timing.commandNs)
    else if (by === 'dma') this.#wait('offer-dma', delayNs)
    else this.#offerWrite() // the first block is asked for at once and without an interrupt
  }

  /** Sectors of the next block, which the end of the disk may cut. 0: the address is past the end. */
  get #blockSectors(): number {
    const { by, lba, remaining } = this.#state
    const { multiple } = this.#settings.values
    const most = by === 'dma' ? DMA_SECTORS : by === 'multiple' ? Math.max(1, multiple) : 1
    return Math.max(0, Math.min(most, remaining, this.options.image.sectorCount - lba))
  }

  #load(): void {
    const { core } = this
    const state = this.#state
    const count = this.#blockSectors
    if (count === 0) return this.#failAt(state.lba, ERROR.IDNF)
    const bad = this.#transferSectors('read', count)
    if (bad !== null) return this.#failAt(bad, ERROR.UNC)
    this.#sectorsDone(count)
    core.position = 0
    core.offer(state.by === 'dma' ? 'dma-in' : 'data-in', count * SECTOR_BYTES)
    if (state.by !== 'dma') core.setInterrupt(true)
  }

  #offerWrite(): void {
    const { core } = this
    const count = this.#blockSectors
    if (count === 0) return this.#failAt(this.#state.lba, ERROR.IDNF)
    core.position = 0
    core.offer(this.#state.by === 'dma' ? 'dma-out' : 'data-out', count * SECTOR_BYTES)
  }

  #store(): void {
    const state = this.#state
    const count = Math.min(this.#blockSectors, Math.floor(this.core.end / SECTOR_BYTES))
    if (count === 0) return this.#failAt(state.lba, ERROR.IDNF)
    const bad = this.#transferSectors('write', count)
    if (bad !== null) return this.#failAt(bad, ERROR.ABRT)
    this.#sectorsDone(count)
    if (state.remaining === 0) return this.#succeed()
    this.#offerWrite()
    if (state.by !== 'dma' && state.remaining > 0) this.core.setInterrupt(true)
  }

  #verify(): void {
    const state = this.#state
    const count = Math.min(DMA_SECTORS, state.remaining, this.options.image.sectorCount - state.lba)
    if (count <= 0) return this.#failAt(state.lba, ERROR.IDNF)
    const bad = this.#transferSectors('read', count)
    if (bad !== null) return this.#failAt(bad, ERROR.UNC)
    this.#sectorsDone(count)
    if (state.remaining === 0) this.#succeed()
    else this.#wait('verify', this.timing.blockNs)
  }

  /** The registers show the last sector moved and how many are left. */
  #sectorsDone(count: number): void {
    const state = this.#state
    state.lba += count
    state.remaining -= count
    this.core.taskFile.count = state.remaining & (state.extended ? 0xffff : 0xff)
    this.#settings.setAddress(this.core.taskFile, state.lba - 1, state.extended)
  }

  #failAt(lba: number, error: number): void {
    this.#settings.setAddress(this.core.taskFile, lba, this.#state.extended)
    this.#fail(error)
  }

  /** Moves sectors between image and buffer; the number of the first that failed, or null. */
  #transferSectors(operation: 'read' | 'write', count: number): number | null {
    const { lba } = this.#state
    try {
      this.#access(operation, lba, count, 0)
      return null
    } catch (error) {
      const { image } = this.options
      this.onFault({ drive: this.id, operation, error: asDiskError(error, image.name) })
      for (let index = 0; index < count; index++) {
        try {
          this.#access(operation, lba + index, 1, index)
        } catch {
          return lba + index
        }
      }
      return null // it worked the second time
    }
  }

  #access(operation: 'read' | 'write', lba: number, count: number, index: number): void {
    const part = this.core.buffer.subarray(index * SECTOR_BYTES, (index + count) * SECTOR_BYTES)
    this.options.image[operation](lba, count, part)
  }

  #flush(): number {
    try {
      this.options.image.flush()
      return 0
    } catch (error) {
      this.onFault({ drive: this.id, operation: 'flush', error: asDiskError(error, this.options.image.name) })
      return ERROR.ABRT
    }
  }

  save(): unknown {
    return { core: this.core.save(), settings: structuredClone(this.#settings.values), ...this.#state }
  }

  refuse(saved: unknown): string | null {
    const result = v.safeParse(diskSchema, saved)
    if (!result.success) return `${v.getDotPath(result.issues[0]) ?? this.kind}: ${result.issues[0].message}`
    return this.core.accepts(result.output.core) ? null : 'core: its data do not fit'
  }

  restore(saved: unknown): void {
    const { core, settings, ...state } = v.parse(diskSchema, saved)
    this.core.restore(core)
    this.#settings.values = structuredClone(settings)
    this.#state = state
  }
}
