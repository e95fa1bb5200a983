import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import { asDiskError, type BlockImage, type DiskFaultListener } from '../../storage/block-image.ts'
import { bits } from '../../base/saved-state.ts'
import { RAW_CD_SECTOR_BYTES } from '../../storage/cd-image.ts'
import { CdAudio, cdAudioSchema, SILENT } from './cd-audio.ts'
import { CD_SECTOR_BYTES, CdMedium, cdMediumSchema } from './cd-medium.ts'
import { DriveCore, driveCoreSchema, type DriveSignals, type IdeTiming } from './drive-core.ts'
import type { IdeDrive } from './ide-drive.ts'
import { type DriveIdentity, identifyCdrom } from './identify.ts'
import { executePacket, type PacketOutcome } from './packet-commands.ts'
import { cutRawSector, rawSectorBytes, readRawSector } from './raw-sector.ts'
import { COMMAND, ERROR, REASON, STATUS, STATUS_READY } from './registers.ts'
import { SENSE, type Sense, senseSchema } from './sense.ts'
import { decodeTransferMode, DEFAULT_TRANSFER_MODE, transferModeSchema } from './transfer-mode.ts'

const PACKET_BYTES = 12
const REQUEST_SENSE = 0x03
/** Sectors read from the image at a time. */
const STAGED_SECTORS = 32
const BUFFER_BYTES = STAGED_SECTORS * RAW_CD_SECTOR_BYTES

const count32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff))

const cdromSchema = v.strictObject({
  core: driveCoreSchema,
  medium: cdMediumSchema,
  audio: v.optional(cdAudioSchema, SILENT),
  sense: senseSchema,
  mode: transferModeSchema,
  /** What follows the busy time. */
  step: v.picklist([
    'none',
    'packet',
    'block',
    'done',
    'identify',
    'plain',
    'abort',
    'reset',
    'diagnose',
    'diagnose-quietly',
  ]),
  packet: v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length === PACKET_BYTES, 'not 12 bytes'),
  ),
  /** The PACKET command asked for DMA. */
  dma: v.boolean(),
  /** Most bytes in one block of PIO data. */
  byteLimit: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(0xfffe)),
  /** Sectors to read after those in the buffer. */
  lba: count32,
  remaining: count32,
  /** READ CD's choice of fields; user data alone for the other reads, 0 for what is no sector. */
  fields: bits(8),
  /** What the sectors to read are. */
  track: v.optional(v.picklist(['audio', 'mode1', 'mode2']), 'mode1'),
  /** MODE SELECT: parameter bytes still to take. */
  parameters: bits(16),
})

type CdromState = Omit<v.InferOutput<typeof cdromSchema>, 'core' | 'medium' | 'audio'>

const idleState = (): CdromState => ({
  sense: SENSE.NONE,
  mode: DEFAULT_TRANSFER_MODE,
  step: 'none',
  packet: new Uint8Array(PACKET_BYTES),
  dma: false,
  byteLimit: 0xfffe,
  lba: 0,
  remaining: 0,
  fields: 0,
  track: 'mode1',
  parameters: 0,
})

export interface CdromOptions {
  /** Sectors of 2048 bytes, or null for an empty drive. */
  medium: BlockImage | null
  identity: DriveIdentity
}

/** An ATAPI CD-ROM drive. @see T13/1321D 9.7 (PACKET protocol), SFF-8020i, T10/1363D (MMC-3) */
export class AtapiCdrom implements IdeDrive {
  readonly kind = 'cdrom'
  readonly core: DriveCore
  readonly medium: CdMedium
  readonly audio: CdAudio
  #state = idleState()
  #sector = new Uint8Array(RAW_CD_SECTOR_BYTES)

  /** @param id shown to the user, such as ide1-master */
  constructor(
    readonly id: string,
    clock: Clock,
    signals: DriveSignals,
    private readonly timing: IdeTiming,
    private readonly options: CdromOptions,
    private readonly onFault: DiskFaultListener,
  ) {
    this.audio = new CdAudio(clock)
    this.medium = new CdMedium(options.medium, () => this.audio.reset())
    this.core = new DriveCore(clock, BUFFER_BYTES, signals, () => this.#proceed())
    this.reset()
  }

  reset(): void {
    this.#state = idleState()
    this.medium.reset()
    this.audio.reset()
    this.core.powerOn('atapi', 0)
  }

  beginReset(): void {
    this.#forgetTransfer()
    this.core.hold()
  }

  endReset(): void {
    this.#wait('reset', this.timing.resetNs)
  }

  diagnose(interrupt: boolean): void {
    this.#forgetTransfer()
    this.core.abandon()
    this.#wait(interrupt ? 'diagnose' : 'diagnose-quietly', this.timing.commandNs)
  }

  command(opcode: number): void {
    const { core } = this
    const { taskFile } = core
    this.#forgetTransfer()
    core.abandon()
    switch (opcode) {
      case COMMAND.PACKET:
        return this.#acceptPacket()
      case COMMAND.DEVICE_RESET:
        return this.#wait('reset', this.timing.commandNs)
      case COMMAND.IDENTIFY_PACKET_DEVICE:
        return this.#wait('identify', this.timing.commandNs)
      case COMMAND.SET_FEATURES:
        return this.#wait(this.#setFeatures() ? 'plain' : 'abort', this.timing.commandNs)
      case 0xe5: // CHECK POWER MODE: active
        taskFile.count = 0xff
        return this.#wait('plain', this.timing.commandNs)
      case 0xe0: // STANDBY IMMEDIATE, IDLE IMMEDIATE, SLEEP
      case 0xe1:
      case 0xe6:
        return this.#wait('plain', this.timing.commandNs)
      case COMMAND.IDENTIFY_DEVICE:
      case 0x20: // READ SECTORS
        taskFile.setSignature('atapi')
        return this.#wait('abort', this.timing.commandNs)
      default:
        return this.#wait('abort', this.timing.commandNs)
    }
  }

  blockDone(): void {
    const { core } = this
    const state = this.#state
    switch (core.phase) {
      case 'packet':
        state.packet.set(core.buffer.subarray(0, PACKET_BYTES))
        core.position = 0
        core.end = 0
        return this.#wait('packet', this.timing.commandNs + this.timing.irqDelayNs)
      case 'data-out':
      case 'dma-out':
        state.parameters = Math.max(0, state.parameters - core.end)
        return state.parameters > 0 ? this.#offerParameters() : this.#wait('done', this.timing.blockNs)
      case 'dma-in':
        if (state.remaining > 0) return this.#offerSectors()
        return this.#packetDone()
      default:
        if (state.step === 'identify') {
          state.step = 'none'
          return core.finish()
        }
        return this.#wait('block', this.timing.blockNs + (state.remaining > 0 ? this.timing.irqDelayNs : 0))
    }
  }

  /** Windows 9x gives too little room at times and waits for the end of the command all the same. */
  dmaCutShort(): void {
    this.#forgetTransfer()
    this.#packetDone()
  }

  #forgetTransfer(): void {
    const state = this.#state
    state.step = 'none'
    state.remaining = 0
    state.fields = 0
    state.parameters = 0
  }

  #wait(step: CdromState['step'], delayNs: number): void {
    this.#state.step = step
    this.core.beBusy(delayNs)
  }

  #proceed(): void {
    const { core } = this
    const state = this.#state
    const { step } = state
    state.step = 'none'
    switch (step) {
      case 'none':
        return
      case 'packet':
        return this.#execute()
      case 'block':
        return this.#nextBlock()
      case 'done':
        return this.#packetDone()
      case 'identify':
        core.buffer.set(identifyCdrom(this.options.identity, state.mode))
        core.position = 0
        core.staged = 0
        core.offer('data-in', 512)
        state.step = 'identify'
        return core.setInterrupt(true)
      case 'plain':
        core.taskFile.error = 0
        core.finish()
        return core.setInterrupt(true)
      case 'abort':
        core.taskFile.error = ERROR.ABRT
        core.finish(STATUS.DRDY | STATUS.ERR)
        return core.setInterrupt(true)
      case 'reset':
      case 'diagnose':
      case 'diagnose-quietly':
        core.finish(0) // not DRDY: that is how an ATAPI device differs
        core.taskFile.reset('atapi')
        if (step === 'diagnose') core.setInterrupt(true)
    }
  }

  #setFeatures(): boolean {
    const { taskFile } = this.core
    const feature = taskFile.features & 0xff
    taskFile.features = 0
    if (feature !== 0x03) return feature === 0x66 || feature === 0xcc
    const mode = decodeTransferMode(taskFile.count & 0xff)
    if (mode) this.#state.mode = mode
    return mode !== null
  }

  /** Asks for the packet at once and without an interrupt, as IDENTIFY's word 0 promises. */
  #acceptPacket(): void {
    const { core } = this
    const { taskFile } = core
    const state = this.#state
    state.dma = (taskFile.features & 1) !== 0
    // FFFFh means FFFEh; 0 and 1, with which no block would be possible, the most.
    const limit = taskFile.midHigh
    state.byteLimit = limit < 2 ? 0xfffe : Math.min(limit, 0xfffe)
    taskFile.error = 0
    taskFile.count = REASON.COD
    core.offer('packet', PACKET_BYTES)
  }

  #execute(): void {
    const state = this.#state
    const previous = state.sense
    if (state.packet[0] !== REQUEST_SENSE) state.sense = SENSE.NONE
    const { medium, audio, options } = this
    const { model } = options.identity
    const outcome = executePacket(state.packet, { medium, audio, sense: previous, model })
    if (state.packet[0] === REQUEST_SENSE) state.sense = SENSE.NONE
    this.#begin(outcome)
  }

  #begin(outcome: PacketOutcome): void {
    const { core } = this
    const state = this.#state
    switch (outcome.kind) {
      case 'done':
        return this.#packetDone()
      case 'failed':
        return this.#packetFailed(outcome.sense)
      case 'data':
        core.buffer.set(outcome.data)
        return this.#offerStaged(outcome.data.length)
      case 'sectors':
        state.lba = outcome.lba
        state.remaining = outcome.count
        state.fields = outcome.fields
        state.track = outcome.track
        return this.#offerSectors()
      case 'parameters':
        state.parameters = outcome.bytes
        return this.#offerParameters()
    }
  }

  #packetDone(): void {
    this.core.taskFile.error = 0
    this.#endPacket(STATUS_READY)
  }

  #packetFailed(sense: Sense): void {
    this.#forgetTransfer()
    this.#state.sense = sense
    this.core.taskFile.error = (sense.key << 4) | ERROR.ABRT
    this.#endPacket(STATUS_READY | STATUS.ERR)
  }

  #endPacket(status: number): void {
    const { core } = this
    core.finish(status)
    core.taskFile.count = REASON.COD | REASON.IO
    core.setInterrupt(true)
  }

  /** The first block of `bytes` in the buffer. */
  #offerStaged(bytes: number): void {
    const { core } = this
    core.position = 0
    core.staged = bytes
    if (!this.#state.dma) return this.#nextBlock()
    core.taskFile.count = REASON.IO
    core.offer('dma-in', bytes)
  }

  /** Offers what is staged, after that what is still to be read, after that the end. */
  #nextBlock(): void {
    const { core } = this
    const { remaining, byteLimit, fields, track } = this.#state
    const sectorBytes = rawSectorBytes(fields, track)
    const staged = core.staged - core.position
    if (staged <= 0) return remaining > 0 ? this.#offerSectors() : this.#packetDone()
    let size = staged
    if (size > byteLimit) {
      // Whole sectors where they fit; only the last block may be odd.
      const whole = sectorBytes > 0 ? byteLimit - (byteLimit % sectorBytes) : 0
      size = whole || byteLimit & ~1
    }
    core.taskFile.midHigh = size
    core.taskFile.count = REASON.IO
    core.offer('data-in', core.position + size)
    core.setInterrupt(true)
  }

  #offerSectors(): void {
    const state = this.#state
    const count = Math.min(STAGED_SECTORS, state.remaining)
    const error = this.#readSectors(count)
    if (error) return this.#packetFailed(error)
    state.lba += count
    state.remaining -= count
    this.#offerStaged(count * rawSectorBytes(state.fields, state.track))
  }

  /** From the image to the buffer. The medium may have gone, or become another, since the command began. */
  #readSectors(count: number): Sense | null {
    const { core } = this
    const { lba, fields, track } = this.#state
    const { image } = this.medium
    const sectorBytes = rawSectorBytes(fields, track)
    if (!image) return SENSE.NO_MEDIUM
    if (this.medium.changed) {
      this.medium.changed = false
      return SENSE.MEDIUM_MAY_HAVE_CHANGED
    }
    if (lba + count > image.sectorCount) return SENSE.ADDRESS_OUT_OF_RANGE
    try {
      if (sectorBytes === CD_SECTOR_BYTES)
        image.read(lba, count, core.buffer.subarray(0, count * CD_SECTOR_BYTES))
      else
        for (let index = 0; index < count; index++) {
          const into = core.buffer.subarray(index * sectorBytes, (index + 1) * sectorBytes)
          readRawSector(image, lba + index, this.#sector)
          cutRawSector(fields, track, this.#sector, into)
        }
      return null
    } catch (error) {
      this.onFault({ drive: this.id, operation: 'read', error: asDiskError(error, image.name) })
      return SENSE.UNRECOVERED_READ_ERROR
    }
  }

  #offerParameters(): void {
    const { core } = this
    const { parameters, byteLimit, dma } = this.#state
    const size = Math.min(parameters, byteLimit & ~1)
    core.position = 0
    core.taskFile.midHigh = size
    core.taskFile.count = 0
    core.offer(dma ? 'dma-out' : 'data-out', size)
    if (!dma) core.setInterrupt(true)
  }

  save(): unknown {
    const { core, medium, audio } = this
    return { core: core.save(), medium: medium.save(), audio: audio.save(), ...structuredClone(this.#state) }
  }

  refuse(saved: unknown): string | null {
    const result = v.safeParse(cdromSchema, saved)
    if (!result.success) return `${v.getDotPath(result.issues[0]) ?? this.kind}: ${result.issues[0].message}`
    const { core, remaining, fields, track } = result.output
    if (remaining > 0 && rawSectorBytes(fields, track) === 0) return 'fields: none of a sector to read'
    return this.core.accepts(core) ? null : 'core: its data do not fit'
  }

  restore(saved: unknown): void {
    const { core, medium, audio, ...state } = v.parse(cdromSchema, saved)
    this.core.restore(core)
    this.medium.restore(medium)
    this.audio.restore(audio)
    this.#state = structuredClone(state)
  }
}
