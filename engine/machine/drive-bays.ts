import { EngineError } from '../base/errors.ts'
import { FLOPPY_DRIVE_TYPES, type FloppyDriveType, driveTypeFor } from '../devices/fdc/floppy-drive.ts'
import { OpenParts } from '../base/open-parts.ts'
import type { Fdc } from '../devices/fdc/fdc.ts'
import type { AtaDisk } from '../devices/ide/ata-disk.ts'
import type { AtapiCdrom } from '../devices/ide/atapi-cdrom.ts'
import { checkGeometry, type ChsGeometry, defaultGeometry } from '../devices/ide/disk-geometry.ts'
import type { IdeChannel, IdeDriveOptions } from '../devices/ide/ide-channel.ts'
import { BlockDisk } from '../firmware/block-disk.ts'
import type { MachineConfig } from '../protocol/machine-config.ts'
import { because } from '../protocol/reasons.ts'
import {
  asDiskError,
  type BlockImage,
  type DiskError,
  type DiskFaultListener,
} from '../storage/block-image.ts'
import type { Keyring } from '../storage/formats/luks/keyring.ts'
import type { VirtioBlockOptions } from '../virtio/virtio-block.ts'
import { DiskLayers } from './disk-layers.ts'
import { type DriveSlot, assignDrives, floppyTypeOf } from './drives.ts'
import type { DriveKind, DriveStatus } from './machine.ts'
import { forUser, LoadedMedium, type MediumOptions } from './loaded-medium.ts'
import type { LoadedDrive } from './media-state.ts'

const IDE_IDS = ['ide0-master', 'ide0-slave', 'ide1-master', 'ide1-slave'] as const
/** Systems of the time never flush; what their disk's tables say goes to the file after so long at most. */
const SETTLE_MS = 1000
const FLOPPY_IDS = ['floppy0', 'floppy1'] as const

interface Bay {
  id: string
  kind: DriveKind
  medium: LoadedMedium | null
  geometry: ChsGeometry | null
}

/** How images are opened besides what is said of each. */
interface Opening {
  /** What ephemeral overlays hold is not thrown away. */
  keepsOverlays?: boolean
  /** What opens encrypted disks. */
  keyring?: Keyring | undefined
}

type InsertOptions = Pick<MediumOptions, 'readonly' | 'ephemeral'>

/**
 * The drives of a machine and the media in them. Opens every image of a configuration, or none: a failure
 * closes what was opened.
 */
export class DriveBays {
  readonly #bays: Bay[] = []
  #fdc: Fdc | null = null
  #channels: readonly IdeChannel[] = []
  #nextSettleMs = 0
  readonly layers: DiskLayers

  /**
   * Throws `file-unusable`, `passphrase-missing`, `passphrase-wrong` or `option-invalid`.
   */
  constructor(
    private readonly config: MachineConfig,
    private readonly onFault: DiskFaultListener = () => {},
    private readonly opening: Opening = {},
    /** Told when the host's disk is full: the guest must not run on until `deliver` succeeds. */
    private readonly onFull: DiskFaultListener = () => {},
    /** Called before each write of the guest, which is refused by throwing. */
    private readonly beforeWrite: () => void = () => {},
  ) {
    const media = () => this.#bays.flatMap(({ medium }) => medium ?? [])
    this.layers = new DiskLayers(media, opening.keyring)
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
      identity: () => medium!.identity(),
    }))
  }

  /**
   * Reads ahead what `loaded` has to know of one drive, so that the guest need not wait for it later, unless it writes
   * to the medium. Throws `DiskError`. @returns whether there is such a drive
   */
  lookAt(bay: number): boolean {
    const found = this.#bays[bay]
    found?.medium?.identity()
    return found !== undefined
  }

  /** Writes down what images hold back and what waits for room. Throws `DiskError`; nothing is lost. */
  flush(): void {
    for (const { medium } of this.#bays) medium?.flush()
  }

  /** Writes what waited for room on the host's disk. Throws `DiskError` while there is none. */
  deliver(): void {
    for (const { medium } of this.#bays) if (medium?.isOwing) medium.deliver()
  }

  /** Does what reads or flushes media outside of the guest's sight; the host's failure is then `file-unusable`. */
  readable<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw forUser(error)
    }
  }

  /** Takes a medium out. Throws `option-invalid` when the drive is none with removable media. */
  eject(id: string): void {
    const bay = this.#removable(id)
    const { medium } = bay
    bay.medium = null
    this.#place(bay)
    medium?.shut()
  }

  /** Puts a file in, in place of what was there. Throws `file-unusable`, leaving the drive as it was. */
  insert(id: string, path: string, options: InsertOptions): void {
    const bay = this.#removable(id)
    const medium = this.#open(id, bay.kind, path, options)
    this.eject(id)
    bay.medium = medium
    this.#place(bay)
  }

  #open(drive: string, kind: DriveKind, path: string, options: MediumOptions): LoadedMedium {
    const onFull = (error: DiskError) => this.onFull({ drive, operation: 'write', error })
    return new LoadedMedium(kind, path, options, onFull, this.beforeWrite)
  }

  /** The guest may have ejected a CD by itself: the tray is open, the file still known. */
  close(): void {
    const media = new OpenParts()
    for (const bay of this.#bays) {
      const { medium } = bay
      if (medium) media.add({ close: () => medium.shut() })
      bay.medium = null
    }
    media.close()
  }

  #removable(id: string): Bay {
    const bay = this.#find(id)
    if (!bay || bay.kind === 'disk')
      throw new EngineError('option-invalid', {
        option: id,
        reason: because('no-removable-drive'),
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
