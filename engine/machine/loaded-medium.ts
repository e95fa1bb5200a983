import { EngineError } from '../base/errors.ts'
import type { DriveConfig } from '../protocol/machine-config.ts'
import { type BlockImage, DiskError } from '../storage/block-image.ts'
import { EphemeralImage } from '../storage/ephemeral-image.ts'
import type { FloppyGeometry } from '../storage/floppy-geometry.ts'
import type { Keyring } from '../storage/formats/luks/keyring.ts'
import { identify, type MediumIdentity, sampleOf } from '../storage/medium-identity.ts'
import { MeteredImage } from '../storage/metered-image.ts'
import { openCdImage, openDiskImage, openFloppyImage } from '../storage/open-image.ts'
import { PatientImage } from '../storage/patient-image.ts'
import type { DriveKind } from './machine.ts'

export interface MediumOptions extends Partial<Pick<DriveConfig, 'format' | 'allowed' | 'overlay'>> {
  readonly?: boolean
  ephemeral?: boolean
  /** What an ephemeral overlay holds is not thrown away. */
  keepsOverlay?: boolean
  /** What opens encrypted disks. */
  keyring?: Keyring | undefined
}

/** What a drive holds: the image as opened, counted, and how it is formatted. */
export class LoadedMedium {
  /** What devices read and write. */
  readonly image: MeteredImage
  /** Null for what is no floppy. */
  readonly floppy: FloppyGeometry | null
  readonly readonly: boolean
  #opened: BlockImage
  /** What waits for room on the host's disk. */
  #patient: PatientImage
  /** What tells it from others by its contents, as they were when so many bytes had been written. */
  #sample: { bytesWritten: number; text: string } | null = null

  /**
   * Opens an image. Throws `file-unusable`, `passphrase-missing`, `passphrase-wrong`.
   * @param onFull told when the host's disk is full
   * @param beforeWrite called before each write of the guest, which is refused by throwing
   */
  constructor(
    kind: DriveKind,
    path: string,
    options: MediumOptions,
    private readonly onFull: (error: DiskError) => void,
    beforeWrite: () => void,
  ) {
    const { image, geometry } = openFile(kind, path, options)
    this.readonly = kind === 'cdrom' || (options.readonly ?? false)
    this.floppy = geometry
    this.#opened = image
    this.#patient = new PatientImage(image, onFull)
    this.image = new MeteredImage(this.#patient, beforeWrite)
  }

  /** The image as it was opened, without what counts and waits. */
  get opened(): BlockImage {
    return this.#opened
  }

  /** The same disk in another image; what waited for room was written before. */
  goOnWith(image: BlockImage): void {
    this.#patient = new PatientImage(image, this.onFull)
    this.image.goOnWith(this.#patient)
    this.#opened = image
  }

  /** Reads and writes go by another image meanwhile; what waits for room stays. Until `showOpened`. */
  show(image: BlockImage): void {
    this.#patient.goOnWith(image)
  }

  showOpened(image: BlockImage): void {
    this.#opened = image
    this.#patient.goOnWith(image)
  }

  /** Whether something waits for room on the host's disk. */
  get isOwing(): boolean {
    return this.#patient.isOwing
  }

  /** Brings what was written to the host's disk. Throws `DiskError` while there is no room. */
  deliver(): void {
    this.#patient.deliver()
  }

  /** Until it is on the host's disk; the guest's own flush waits for room instead. Throws `DiskError`. */
  flush(): void {
    this.#patient.deliver()
    this.image.flush()
  }

  /** Flushes before closing, and closes whatever flushing says. */
  shut(): void {
    try {
      this.flush()
    } finally {
      this.image.close()
    }
  }

  /** Summed up anew only when it was written since. What lies over a disk shows the same as the disk. Throws `DiskError`. */
  identity(): MediumIdentity {
    const opened = this.#opened
    const lasting = opened instanceof EphemeralImage ? opened.base : opened
    const { bytesWritten } = this.image
    if (this.#sample?.bytesWritten !== bytesWritten) this.#sample = { bytesWritten, text: sampleOf(lasting) }
    return identify(lasting, this.#sample.text)
  }
}

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

/** A failure of the host outside of the guest's sight is `file-unusable`. */
export const forUser = (error: unknown): unknown =>
  error instanceof DiskError
    ? new EngineError('file-unusable', { path: error.path, reason: error.reason }, { cause: error })
    : error
