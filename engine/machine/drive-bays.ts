import { EngineError } from '../base/errors.ts'
import { FLOPPY_DRIVE_TYPES, type FloppyDriveType, driveTypeFor } from '../devices/fdc/floppy-drive.ts'
import { OpenParts } from '../base/open-parts.ts'
import type { Fdc } from '../devices/fdc/fdc.ts'
import type { AtaDisk } from '../devices/ide/ata-disk.ts'
import type { AtapiCdrom } from '../devices/ide/atapi-cdrom.ts'
import { checkGeometry, type ChsGeometry, defaultGeometry } from '../devices/ide/disk-geometry.ts'
import type { IdeChannel, IdeDriveOptions } from '../devices/ide/ide-channel.ts'
import { BlockDisk } from '../firmware/block-disk.ts'
import type { DiskLayer, DriveConfig, LayerMerge, MachineConfig } from '../protocol/machine-config.ts'
import { asDiskError, type BlockImage, DiskError, type DiskFaultListener } from '../storage/block-image.ts'
import type { FloppyGeometry } from '../storage/floppy-geometry.ts'
import type { Keyring } from '../storage/formats/luks/keyring.ts'
import { type DiskImage, isDiskImage } from '../storage/formats/disk-image.ts'
import { LiveMerge } from '../storage/formats/live-merge.ts'
import { makeLayer, type MergeProgress } from '../storage/formats/merge-layer.ts'
import { HostImageFiles } from '../storage/image-files.ts'
import { EphemeralImage } from '../storage/ephemeral-image.ts'
import { identify, type MediumIdentity, sampleOf } from '../storage/medium-identity.ts'
import { MeteredImage } from '../storage/metered-image.ts'
import { PatientImage } from '../storage/patient-image.ts'
import { openCdImage, openDiskImage, openFloppyImage } from '../storage/open-image.ts'
import type { VirtioBlockOptions } from '../virtio/virtio-block.ts'
import { type DriveSlot, assignDrives, floppyTypeOf } from './drives.ts'
import type { DriveKind, DriveStatus } from './machine.ts'
import type { LoadedDrive } from './media-state.ts'

const IDE_IDS = ['ide0-master', 'ide0-slave', 'ide1-master', 'ide1-slave'] as const
/** Systems of the time never flush; what their disk's tables say goes to the file after so long at most. */
const SETTLE_MS = 1000
const FLOPPY_IDS = ['floppy0', 'floppy1'] as const

/** What a drive holds: the image as opened, counted, and how it is formatted. */
interface Medium {
  image: MeteredImage
  /** What waits for room on the host's disk. */
  patient: PatientImage
  /** The same as it was opened. */
  opened: BlockImage
  floppy: FloppyGeometry | null
  readonly: boolean
  /** What tells it from others by its contents, as they were when so many bytes had been written. */
  sample: { bytesWritten: number; text: string } | null
}

interface Bay {
  id: string
  kind: DriveKind
  medium: Medium | null
  geometry: ChsGeometry | null
}

/** How images are opened besides what is said of each. */
interface Opening {
  /** What ephemeral overlays hold is not thrown away. */
  keepsOverlays?: boolean
  /** What opens encrypted disks. */
  keyring?: Keyring | undefined
}

type InsertOptions = { readonly?: boolean; ephemeral?: boolean }
type MediumOptions = InsertOptions &
  Partial<Pick<DriveConfig, 'format' | 'allowed' | 'overlay'>> & {
    keepsOverlay?: boolean
    keyring?: Keyring | undefined
  }

/**
 * The drives of a machine and the media in them. Opens every image of a configuration, or none: a failure
 * closes what was opened.
 */
export class DriveBays {
  readonly #bays: Bay[] = []
  #fdc: Fdc | null = null
  #channels: readonly IdeChannel[] = []
  #nextSettleMs = 0
  /** What was laid over disks last. */
  #layers: { id: string; medium: Medium; layer: DiskLayer }[] = []
  /** Two layers of a disk that are being merged. */
  #merge: { medium: Medium; work: LiveMerge } | null = null

  /**
   * Throws `file-unusable`, `passphrase-missing`, `passphrase-wrong` or `option-invalid`.
   */
  constructor(
    private readonly config: MachineConfig,
    private readonly onFault: DiskFaultListener = () => {},
    private readonly opening: Opening = {},
    /** Told when the host's disk is full: the guest must not run on until `deliver` succeeds. */
    private readonly onFull: DiskFaultListener = () => {},
  ) {
    try {
      for (const slot of assignDrives(config.drives)) this.#openBay(slot)
      if (!this.#find('floppy0'))
        this.#bays.unshift({ id: 'floppy0', kind: 'floppy', medium: null, geometry: null })
    } catch (error) {
      this.close()
      throw error
    }
  }

  #openBay({ id, config }: DriveSlot): void {
    const { keepsOverlays = false, keyring } = this.opening
    const options = { ...config, keepsOverlay: keepsOverlays, keyring }
    const medium = config.path === null ? null : this.#open(id, config.kind, config.path, options)
    const geometry =
      config.kind === 'disk' && medium ? (config.geometry ?? defaultGeometry(medium.image.sectorCount)) : null
    this.#bays.push({ id, kind: config.kind, medium, geometry })
    if (medium && config.geometry) checkGeometry(config.geometry, medium.image.sectorCount)
  }

  #find(id: string): Bay | undefined {
    return this.#bays.find((bay) => bay.id === id)
  }

  // What the board is built with.

  get floppyTypes(): [FloppyDriveType, FloppyDriveType] {
    return [this.#floppyType(0), this.#floppyType(1)]
  }

  #floppyType(index: 0 | 1): FloppyDriveType {
    const bay = this.#find(FLOPPY_IDS[index])
    if (!bay) return FLOPPY_DRIVE_TYPES[0]
    const knob = this.config.knobs.floppyTypes?.[index]
    if (knob !== undefined) return floppyTypeOf(knob)
    return bay.medium?.floppy ? driveTypeFor(bay.medium.floppy) : FLOPPY_DRIVE_TYPES[4]
  }

  /** Drives of one IDE channel, master and slave. */
  ideDrives(channel: 0 | 1): [IdeDriveOptions | null, IdeDriveOptions | null] {
    return [this.#ideDrive(channel * 2), this.#ideDrive(channel * 2 + 1)]
  }

  #ideDrive(position: number): IdeDriveOptions | null {
    const bay = this.#find(IDE_IDS[position]!)
    if (!bay) return null
    // Unlike serials, by which Linux tells that two drives are not one.
    const serial = `VT${String(position + 1).padStart(6, '0')}`
    if (bay.kind === 'cdrom')
      return {
        kind: 'cdrom',
        medium: bay.medium?.image ?? null,
        identity: { serial, model: 'VITRINE CD-ROM' },
      }
    return {
      kind: 'disk',
      image: bay.medium!.image,
      geometry: bay.geometry!,
      identity: { serial, model: 'VITRINE HARDDISK' },
    }
  }

  /** Disks that have a card of their own each. */
  virtioDisks(): Omit<VirtioBlockOptions, 'onFault'>[] {
    return this.#bays
      .filter(({ id }) => id.startsWith('virtio'))
      .map(({ id, medium, geometry }) => ({
        id,
        image: medium!.image,
        geometry: geometry!,
        serial: `VTV${id.at(-1)}`,
      }))
  }

  /** Geometry of the first two IDE disks, as CMOS keeps it. */
  get cmosDisks(): [ChsGeometry | null, ChsGeometry | null] {
    return [this.#find(IDE_IDS[0])?.geometry ?? null, this.#find(IDE_IDS[1])?.geometry ?? null]
  }

  /** Connects the media to the devices once they exist. */
  attach(fdc: Fdc, channels: readonly IdeChannel[]): void {
    this.#fdc = fdc
    this.#channels = channels
    for (const bay of this.#bays) if (bay.kind === 'floppy' && bay.medium) this.#place(bay)
  }

  /** The drives of a kind as the firmware sees them. */
  firmwareDisks(kind: DriveKind): BlockDisk[] {
    return this.#bays
      .filter((bay) => bay.kind === kind)
      .map((bay) => {
        const position = IDE_IDS.indexOf(bay.id as (typeof IDE_IDS)[number])
        const floppy = FLOPPY_IDS.indexOf(bay.id as (typeof FLOPPY_IDS)[number])
        return new BlockDisk(
          {
            kind,
            ...(floppy >= 0
              ? { driveType: FLOPPY_DRIVE_TYPES.indexOf(this.floppyTypes[floppy as 0 | 1]) }
              : {}),
            ...(position >= 0 ? { ide: { channel: position >> 1, slave: (position & 1) === 1 } } : {}),
          },
          () => this.#contents(bay),
          (operation, error) => this.onFault({ drive: bay.id, operation, error }),
        )
      })
  }

  #contents(bay: Bay) {
    const { medium } = bay
    if (!medium || (bay.kind === 'cdrom' && this.#cdrom(bay)?.medium.trayOpen)) return null
    const { floppy } = medium
    const geometry = floppy
      ? { cylinders: floppy.tracks, heads: floppy.heads, sectors: floppy.sectors }
      : bay.geometry
    return { image: medium.image as BlockImage, geometry, floppy }
  }

  // While the machine runs.

  status(): DriveStatus[] {
    return this.#bays.map(({ id, kind, medium }) => ({
      id,
      kind,
      medium: medium?.image.name ?? null,
      readonly: medium?.readonly ?? false,
      bytesRead: medium?.image.bytesRead ?? 0,
      bytesWritten: medium?.image.bytesWritten ?? 0,
    }))
  }

  /**
   * Flushes images that keep tables in memory, once a second while they are written, so that a crash of this
   * program costs a guest that never flushes no more than a power failure would.
   *
   * @param nowMs monotonic time of the host
   * @param isIdle whether the guest may sleep for long now
   */
  settle(nowMs: number, isIdle: boolean): void {
    if (nowMs < this.#nextSettleMs && !isIdle) return
    this.#nextSettleMs = nowMs + SETTLE_MS
    for (const { id, medium } of this.#bays) {
      if (!medium?.image.holdsBack) continue
      try {
        medium.image.flush()
      } catch (error) {
        this.onFault({ drive: id, operation: 'flush', error: asDiskError(error, medium.image.name) })
      }
    }
  }

  /** What lies in the drives, for a saved state. */
  loaded(): LoadedDrive[] {
    return this.#bays.map(({ id, medium }) => ({
      id,
      medium: medium?.opened ?? null,
      identity: () => identityOf(medium!),
    }))
  }

  /**
   * Reads ahead what `loaded` has to know of one drive, so that the guest need not wait for it later, unless it writes
   * to the medium. Throws `DiskError`. @returns whether there is such a drive
   */
  lookAt(bay: number): boolean {
    const found = this.#bays[bay]
    if (found?.medium) identityOf(found.medium)
    return found !== undefined
  }

  /** Writes down what images hold back and what waits for room. Throws `DiskError`; nothing is lost. */
  flush(): void {
    for (const { medium } of this.#bays) if (medium) flush(medium)
  }

  /** Writes what waited for room on the host's disk. Throws `DiskError` while there is none. */
  deliver(): void {
    for (const { medium } of this.#bays) if (medium?.patient.isOwing) medium.patient.deliver()
  }

  /** Does what reads or flushes media outside of the guest's sight; the host's failure is then `file-unusable`. */
  readable<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw forUser(error)
    }
  }

  /** Lays new files over disks, all or none. Throws `file-unusable`, `option-invalid`. */
  layOver(layers: readonly DiskLayer[]): void {
    if (this.#merge) throw new EngineError('option-invalid', MERGING)
    this.#layers = []
    try {
      for (const layer of layers) {
        const bay = this.#bays.find(({ medium }) => medium?.image.name === layer.below)
        if (!bay?.medium)
          throw new EngineError('option-invalid', { option: layer.below, reason: 'no drive has it' })
        const { id, medium } = bay
        flush(medium)
        medium.image.close()
        try {
          makeLayer(new HostImageFiles(), { ...layer, path: layer.below }, layer.file)
          this.#goOnWith(id, medium, this.#openLayer(layer.file, 'qcow2', layer.allowed))
        } catch (error) {
          this.#goBack(id, medium, layer)
          throw error
        }
        this.#layers.push({ id, medium, layer })
      }
    } catch (error) {
      this.takeOff()
      throw error
    }
  }

  /** Takes off what was laid over last; nothing has been written to it. */
  takeOff(): void {
    for (const { id, medium, layer } of this.#layers.toReversed()) {
      medium.image.close()
      this.#goBack(id, medium, layer)
    }
    this.#layers = []
  }

  /**
   * Begins to merge two layers of a disk, one merge at a time: `mergeStep` writes the upper one down into the lower one
   * piece by piece while the disk is used, `settleMerge` brings it to the host's disk, `endMerge` ends it.
   * Throws `file-unusable`, `option-invalid`, leaving every disk as it was.
   * @returns the files that the merge writes to
   */
  beginMerge({ allowed, ...pair }: LayerMerge): readonly string[] {
    if (this.#merge) throw new EngineError('option-invalid', MERGING)
    const files = new HostImageFiles(undefined, true)
    const place = files.realPath(pair.upper)
    const isOver = (image: DiskImage | null): boolean =>
      image !== null && (files.realPath(image.name) === place || isOver(image.backing))
    for (const { medium } of this.#bays) {
      if (!medium || !isDiskImage(medium.opened) || !isOver(medium.opened)) continue
      medium.patient.deliver()
      const opening = { confirmed: allowed, keyring: this.opening.keyring ?? null }
      const work = new LiveMerge(files, medium.opened, pair, opening)
      medium.patient.goOnWith(work.shown)
      this.#merge = { medium, work }
      return work.written
    }
    throw new EngineError('option-invalid', { option: pair.upper, reason: 'no drive has it' })
  }

  /** Writes one piece down. Throws `file-unusable`. @returns how far it is; null when all is written */
  mergeStep(): MergeProgress | null {
    return this.#merging.work.step()
  }

  /** Brings what was written down to the host's disk. Throws `file-unusable`. */
  settleMerge(): void {
    this.#merging.work.settle()
  }

  /** @param isMerged the lower layer is the disk from now on; else all is as it was before the merge */
  endMerge(isMerged: boolean): void {
    const { medium, work } = this.#merging
    medium.opened = work.end(isMerged)
    medium.patient.goOnWith(medium.opened)
    this.#merge = null
  }

  get #merging(): { medium: Medium; work: LiveMerge } {
    if (!this.#merge) throw new EngineError('option-invalid', { option: 'merge', reason: 'none was begun' })
    return this.#merge
  }

  /** Takes a medium out. Throws `option-invalid` when the drive is none with removable media. */
  eject(id: string): void {
    const bay = this.#removable(id)
    const { medium } = bay
    bay.medium = null
    this.#place(bay)
    if (medium) shut(medium)
  }

  /** Puts a file in, in place of what was there. Throws `file-unusable`, leaving the drive as it was. */
  insert(id: string, path: string, options: InsertOptions): void {
    const bay = this.#removable(id)
    const medium = this.#open(id, bay.kind, path, options)
    this.eject(id)
    bay.medium = medium
    this.#place(bay)
  }

  #open(id: string, kind: DriveKind, path: string, options: MediumOptions): Medium {
    const readonly = kind === 'cdrom' || (options.readonly ?? false)
    const { image, geometry } = openFile(kind, path, options)
    const patient = this.#patient(id, image)
    return {
      image: new MeteredImage(patient),
      patient,
      opened: image,
      floppy: geometry,
      readonly,
      sample: null,
    }
  }

  #patient(drive: string, image: BlockImage): PatientImage {
    return new PatientImage(image, (error) => this.onFull({ drive, operation: 'write', error }))
  }

  /** The same disk in another image. */
  #goOnWith(id: string, medium: Medium, image: BlockImage): void {
    medium.patient = this.#patient(id, image)
    medium.image.goOnWith(medium.patient)
    medium.opened = image
  }

  #goBack(id: string, medium: Medium, { below, format, file, allowed }: DiskLayer): void {
    this.#goOnWith(id, medium, this.#openLayer(below, format, allowed))
    new HostImageFiles().remove(file)
  }

  #openLayer(path: string, format: DiskLayer['format'], confirmed: readonly string[]): BlockImage {
    return openDiskImage(path, { format, confirmed, keyring: this.opening.keyring })
  }

  /** The guest may have ejected a CD by itself: the tray is open, the file still known. */
  close(): void {
    const media = new OpenParts()
    for (const bay of this.#bays) {
      const { medium } = bay
      if (medium) media.add({ close: () => shut(medium) })
      bay.medium = null
    }
    media.close()
  }

  #removable(id: string): Bay {
    const bay = this.#find(id)
    if (!bay || bay.kind === 'disk')
      throw new EngineError('option-invalid', {
        option: id,
        reason: 'there is no such drive with removable media',
      })
    return bay
  }

  #place(bay: Bay): void {
    const { medium } = bay
    if (bay.kind === 'cdrom') this.#cdrom(bay)?.medium.insert(medium?.image ?? null)
    else {
      const drive = this.#fdc?.drives[bay.id === FLOPPY_IDS[0] ? 0 : 1]
      drive?.insert(medium?.floppy ? { image: medium.image, geometry: medium.floppy } : null)
    }
  }

  #cdrom(bay: Bay): AtapiCdrom | undefined {
    const position = IDE_IDS.indexOf(bay.id as (typeof IDE_IDS)[number])
    const drive: AtaDisk | AtapiCdrom | null | undefined = this.#channels[position >> 1]?.drives[position & 1]
    return drive?.kind === 'cdrom' ? drive : undefined
  }
}

const MERGING = { option: 'merge', reason: 'two layers of a disk are being merged' }

/** A failure of the host outside of the guest's sight is `file-unusable`. */
export const forUser = (error: unknown): unknown =>
  error instanceof DiskError
    ? new EngineError('file-unusable', { path: error.path, reason: error.reason }, { cause: error })
    : error

/** As it is when it is opened, with the format of a floppy. */
function openFile(
  kind: DriveKind,
  path: string,
  options: MediumOptions,
): { image: BlockImage; geometry: FloppyGeometry | null } {
  if (kind === 'floppy') return openFloppyImage(path, options)
  const { allowed = [], ...disk } = options
  if (kind === 'cdrom') return { image: openCdImage(path, { confirmed: allowed }), geometry: null }
  return { image: openDiskImage(path, { ...disk, confirmed: allowed }), geometry: null }
}

/** Summed up anew only when it was written since. What lies over a disk shows the same as the disk. */
function identityOf(medium: Medium): MediumIdentity {
  const { opened, image } = medium
  const lasting = opened instanceof EphemeralImage ? opened.base : opened
  const { bytesWritten } = image
  if (medium.sample?.bytesWritten !== bytesWritten) medium.sample = { bytesWritten, text: sampleOf(lasting) }
  return identify(lasting, medium.sample.text)
}

/** Until it is on the host's disk; the guest's own flush waits for room instead. Throws `DiskError`. */
function flush({ image, patient }: Medium): void {
  patient.deliver()
  image.flush()
}

/** Flushes before closing, and closes whatever flushing says. */
function shut(medium: Medium): void {
  try {
    flush(medium)
  } finally {
    medium.image.close()
  }
}
