/** Cylinders, heads and sectors per track. */
export interface Geometry {
  cylinders: number
  heads: number
  sectors: number
}

/**
 * A drive as the firmware reads it. Sector numbers count in units of `sectorBytes`. `read` and `write` throw
 * when the host cannot serve them; the guest then gets an error status.
 */
export interface FirmwareDisk {
  readonly kind: 'floppy' | 'disk' | 'cdrom'
  /** Shown in the boot menu. */
  readonly name: string
  readonly sectorBytes: number
  /** 0 when there is no medium. */
  readonly sectorCount: number
  /** Of the medium (floppy) or as the drive tells in IDENTIFY (disk, at most 16 heads). Null for a CD or no medium. */
  readonly geometry: Geometry | null
  readonly readonly: boolean
  /** Floppy drives: CMOS type, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M. */
  readonly driveType?: number
  /**
   * Floppies with sectors of mixed sizes: the 512-byte block where the sector starts whose header has these C, H, R
   * and N, or null where none has. Absent where all are alike, as `geometry` says.
   */
  readonly placeOf?:
    | ((cylinder: number, head: number, id: number, sizeCode: number) => number | null)
    | undefined
  /** Disks and CD drives on IDE: channel 0 or 1 and whether it is the second drive there. */
  readonly ide?: { channel: number; slave: boolean }
  /** The medium has been changed and nobody has taken note of it. Part of the machine's state: see Firmware. */
  changed: boolean
  /** `changed`, which it makes false. */
  takeChanged(): boolean
  read(sector: number, count: number, into: Uint8Array): void
  write(sector: number, count: number, from: Uint8Array): void
}

/**
 * Geometry for INT 13h, which has 10 bits for the cylinder: a disk with more cylinders than that gets more
 * heads, up to 255, by size alone ("LBA-assisted" translation, as every BIOS since 1995 does it).
 */
export function logicalGeometry(physical: Geometry, sectorCount: number): Geometry {
  if (physical.cylinders <= 1024) return physical
  const heads = [16, 32, 64, 128].find((candidate) => sectorCount <= 1024 * candidate * 63) ?? 255
  return { cylinders: Math.min(1024, Math.floor(sectorCount / (heads * 63))), heads, sectors: 63 }
}
