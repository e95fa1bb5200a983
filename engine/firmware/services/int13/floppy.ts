import { blocksOf } from '../../../storage/floppy-track.ts'
import type { FirmwareDisk, Geometry } from '../../disk.ts'
import { readByte, readDword, type Service, writeByte, writeDword } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { BIOS_ENTRY, BIOS_SEGMENT } from '../../port/rom-layout.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { STATUS } from './status.ts'
import { readSectors, sectorOf, writeSectors } from './transfer.ts'

/** Largest medium of each CMOS drive type. */
const DRIVE_GEOMETRY: Readonly<Record<number, Geometry>> = {
  1: { cylinders: 40, heads: 2, sectors: 9 },
  2: { cylinders: 80, heads: 2, sectors: 15 },
  3: { cylinders: 80, heads: 2, sectors: 9 },
  4: { cylinders: 80, heads: 2, sectors: 18 },
  5: { cylinders: 80, heads: 2, sectors: 36 },
}

const parametersOf = (type: number): number => BIOS_ENTRY.floppyTypes + type * 16

/** INT 13h for diskettes. @returns status for AH, null when AH and carry are set already */
export function* floppyService(
  r: Registers,
  context: Context,
  disk: FirmwareDisk | undefined,
): Service<number | null> {
  if (r.ah === 0x08) return yield* parameters(r, context, disk)
  if (r.ah === 0x15) {
    // 2: there, with a line that tells of a change (a 360 KB drive has none).
    r.ah = !disk ? 0 : disk.driveType === 1 ? 1 : 2
    r.setCarry(false)
    return null
  }
  if (r.ah === 0x00) return STATUS.ok
  if (r.ah === 0x01) {
    const last = yield* readByte(BDA_SEGMENT, BDA.floppyStatus)
    r.ah = last
    r.setCarry(last !== 0)
    return null
  }
  if (!disk) return r.ah <= 0x18 ? STATUS.timeout : STATUS.invalid
  switch (r.ah) {
    case 0x02:
    case 0x03:
    case 0x04:
    case 0x05:
      return yield* access(r, disk)
    case 0x16: {
      if (disk.takeChanged()) return STATUS.changed
      return disk.sectorCount ? STATUS.ok : STATUS.timeout
    }
    case 0x17:
      return disk.sectorCount ? STATUS.ok : STATUS.timeout
    case 0x18:
      return yield* setMediaType(r, disk)
    default:
      return STATUS.invalid
  }
}

function* access(r: Registers, disk: FirmwareDisk): Service<number> {
  const count = r.al
  r.al = 0
  yield* motorOn(r.dl)
  if (disk.takeChanged()) return STATUS.changed
  const { geometry } = disk
  if (!geometry || !disk.sectorCount) return STATUS.timeout
  if (disk.placeOf) return yield* accessMixed(r, disk, disk.placeOf, count)
  if (r.ah === 0x05) return yield* formatTrack(r, disk, geometry)
  const sector = sectorOf(r, geometry, 'floppy')
  if (sector === null) return STATUS.sectorNotFound
  if (count === 0) return STATUS.invalid
  // The controller goes on from the first head to the second, never to the next cylinder.
  const perCylinder = geometry.heads * geometry.sectors
  const room = perCylinder - (sector % perCylinder)
  const possible = Math.min(count, room, disk.sectorCount - sector)
  if (possible <= 0) return STATUS.sectorNotFound
  if (r.ah === 0x04) {
    r.al = possible
    return possible < count ? STATUS.sectorNotFound : STATUS.ok
  }
  const move = r.ah === 0x02 ? readSectors : writeSectors
  const result = yield* move(disk, sector, possible, r.es, r.bx)
  r.al = result.count
  return result.status || (possible < count ? STATUS.sectorNotFound : STATUS.ok)
}

/**
 * Sectors of mixed sizes: those of the size that the parameter table at vector 1Eh names. Programs that know the format
 * set it for each access; the others find what is there in sectors of 512 bytes.
 */
function* accessMixed(
  r: Registers,
  disk: FirmwareDisk,
  placeOf: NonNullable<FirmwareDisk['placeOf']>,
  count: number,
): Service<number> {
  if (r.ah === 0x05) return STATUS.sectorNotFound
  if (count === 0) return STATUS.invalid
  const table = yield* readDword(0, 0x1e * 4)
  const sizeCode = yield* readByte(table >>> 16, (table + 3) & 0xffff)
  const blocks = blocksOf(sizeCode)
  for (let done = 0; done < count; done++) {
    const block = placeOf(r.ch, r.dh, r.cl + done, sizeCode)
    if (block === null) return STATUS.sectorNotFound
    if (r.ah !== 0x04) {
      const move = r.ah === 0x02 ? readSectors : writeSectors
      const result = yield* move(disk, block, blocks, r.es, r.bx + done * blocks * disk.sectorBytes)
      if (result.status) return result.status
    }
    r.al = done + 1
  }
  return STATUS.ok
}

/** Notes the motor as running, with the time after which IRQ 0 turns it off. */
function* motorOn(drive: number): Service {
  const motor = yield* readByte(BDA_SEGMENT, BDA.floppyMotor)
  yield* writeByte(BDA_SEGMENT, BDA.floppyMotor, motor | (1 << (drive & 1)))
  yield* writeByte(BDA_SEGMENT, BDA.floppyTimeout, 0x25)
}

function* formatTrack(
  r: Registers,
  disk: FirmwareDisk,
  { cylinders, heads, sectors }: Geometry,
): Service<number> {
  if (disk.readonly) return STATUS.writeProtected
  if (r.ch >= cylinders || r.dh >= heads) return STATUS.sectorNotFound
  const table = yield* readDword(0, 0x1e * 4)
  const filler = yield* readByte(table >>> 16, (table + 8) & 0xffff)
  try {
    disk.write(
      (r.ch * heads + r.dh) * sectors,
      sectors,
      new Uint8Array(sectors * disk.sectorBytes).fill(filler),
    )
  } catch {
    return STATUS.writeFault
  }
  return STATUS.ok
}

function* parameters(
  r: Registers,
  { config, state }: Context,
  disk: FirmwareDisk | undefined,
): Service<null> {
  const drives = config.floppies.length + (state.emulation?.media === 'floppy' ? 1 : 0)
  r.ax = 0
  r.bx = 0
  r.cx = 0
  r.dx = drives
  r.es = 0
  r.di = 0
  const type = disk?.driveType ?? 4
  const geometry = disk && (DRIVE_GEOMETRY[type] ?? disk.geometry)
  if (geometry) {
    // The medium may be larger than the drive's usual one (1.68 MB formats); it must be readable to its end.
    const medium = disk.placeOf ? null : disk.geometry
    const cylinders = Math.max(geometry.cylinders, medium?.cylinders ?? 0)
    const sectors = Math.max(geometry.sectors, medium?.sectors ?? 0)
    r.bl = type
    r.ch = cylinders - 1
    r.cl = sectors
    r.dh = geometry.heads - 1
    r.es = BIOS_SEGMENT
    r.di = parametersOf(type)
  }
  yield* writeByte(BDA_SEGMENT, BDA.floppyStatus, 0)
  r.setCarry(false)
  return null
}

/** AH=18h: is there a format of CH+1 tracks and CL sectors? ES:DI gets its parameters. */
function* setMediaType(r: Registers, disk: FirmwareDisk): Service<number> {
  if (!disk.sectorCount) return STATUS.timeout
  const tracks = (r.ch | ((r.cl & 0xc0) << 2)) + 1
  const sectors = r.cl & 0x3f
  const type = [4, 5, 3, 2, 1].find((candidate) => {
    const geometry = DRIVE_GEOMETRY[candidate]!
    return geometry.cylinders === tracks && geometry.sectors === sectors
  })
  if (!type) return 0x0c
  r.es = BIOS_SEGMENT
  r.di = parametersOf(type)
  yield* writeDword(0, 0x1e * 4, ((r.es << 16) | r.di) >>> 0)
  return STATUS.ok
}
