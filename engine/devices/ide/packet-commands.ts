import type { CdTrackKind } from '../../storage/cd-image.ts'
import type { CdAudio } from './cd-audio.ts'
import type { CdMedium } from './cd-medium.ts'
import * as responses from './cd-responses.ts'
import { rawSectorBytes, USER_DATA_ONLY } from './raw-sector.ts'
import { SENSE, type Sense, senseData } from './sense.ts'

/** What a packet asks for, once checked. */
export type PacketOutcome =
  | { kind: 'done' }
  | { kind: 'failed'; sense: Sense }
  /** Data ready to send, cut to the allocation length. */
  | { kind: 'data'; data: Uint8Array }
  /** Sectors to read, all of one kind; `fields` is READ CD's choice of fields. */
  | { kind: 'sectors'; lba: number; count: number; fields: number; track: CdTrackKind }
  /** Parameters to take and ignore. */
  | { kind: 'parameters'; bytes: number }

const OPCODE = {
  TEST_UNIT_READY: 0x00,
  REQUEST_SENSE: 0x03,
  INQUIRY: 0x12,
  MODE_SELECT_6: 0x15,
  MODE_SENSE_6: 0x1a,
  START_STOP_UNIT: 0x1b,
  PREVENT_ALLOW: 0x1e,
  READ_CAPACITY: 0x25,
  READ_10: 0x28,
  SEEK_10: 0x2b,
  READ_SUBCHANNEL: 0x42,
  READ_TOC: 0x43,
  READ_HEADER: 0x44,
  PLAY_AUDIO_10: 0x45,
  GET_CONFIGURATION: 0x46,
  PLAY_AUDIO_MSF: 0x47,
  PLAY_AUDIO_TRACK: 0x48,
  GET_EVENT_STATUS: 0x4a,
  PAUSE_RESUME: 0x4b,
  STOP_PLAY_SCAN: 0x4e,
  READ_DISC_INFORMATION: 0x51,
  READ_TRACK_INFORMATION: 0x52,
  MODE_SELECT_10: 0x55,
  MODE_SENSE_10: 0x5a,
  PLAY_AUDIO_12: 0xa5,
  READ_12: 0xa8,
  GET_PERFORMANCE: 0xac,
  READ_DVD_STRUCTURE: 0xad,
  READ_CD_MSF: 0xb9,
  SET_CD_SPEED: 0xbb,
  MECHANISM_STATUS: 0xbd,
  READ_CD: 0xbe,
} as const

/** These work without a medium and leave a UNIT ATTENTION pending. */
const ALWAYS: ReadonlySet<number> = new Set([
  OPCODE.REQUEST_SENSE,
  OPCODE.INQUIRY,
  OPCODE.GET_CONFIGURATION,
  OPCODE.GET_EVENT_STATUS,
])

const NEED_MEDIUM: ReadonlySet<number> = new Set([
  OPCODE.TEST_UNIT_READY,
  OPCODE.READ_CAPACITY,
  OPCODE.READ_10,
  OPCODE.SEEK_10,
  OPCODE.READ_SUBCHANNEL,
  OPCODE.READ_TOC,
  OPCODE.READ_HEADER,
  OPCODE.PLAY_AUDIO_10,
  OPCODE.PLAY_AUDIO_MSF,
  OPCODE.PLAY_AUDIO_TRACK,
  OPCODE.PAUSE_RESUME,
  OPCODE.READ_DISC_INFORMATION,
  OPCODE.READ_TRACK_INFORMATION,
  OPCODE.PLAY_AUDIO_12,
  OPCODE.READ_12,
  OPCODE.READ_DVD_STRUCTURE,
  OPCODE.READ_CD_MSF,
  OPCODE.READ_CD,
])

const be16 = (cdb: Uint8Array, at: number): number => (cdb[at]! << 8) | cdb[at + 1]!
const be24 = (cdb: Uint8Array, at: number): number => (cdb[at]! << 16) | be16(cdb, at + 1)
const be32 = (cdb: Uint8Array, at: number): number => be16(cdb, at) * 0x10000 + be16(cdb, at + 2)

const failed = (sense: Sense): PacketOutcome => ({ kind: 'failed', sense })
const DONE: PacketOutcome = { kind: 'done' }

/** Data cut to what the host allocated; a missing answer is a wrong field. */
function answer(data: Uint8Array | null, allocated: number): PacketOutcome {
  if (!data) return failed(SENSE.INVALID_FIELD_IN_CDB)
  return allocated === 0 ? DONE : { kind: 'data', data: data.subarray(0, Math.min(data.length, allocated)) }
}

export interface PacketUnit {
  medium: CdMedium
  audio: CdAudio
  /** Of the command before this one. */
  sense: Sense
  model: string
}

/** Performs a packet of 12 bytes, as far as that is possible before data move. */
export function executePacket(cdb: Uint8Array, unit: PacketUnit): PacketOutcome {
  const { medium, audio } = unit
  const opcode = cdb[0]!
  const attention = medium.changed && !ALWAYS.has(opcode)
  if (attention) {
    medium.changed = false
    return failed(SENSE.MEDIUM_MAY_HAVE_CHANGED)
  }
  if (NEED_MEDIUM.has(opcode) && !medium.image) return failed(SENSE.NO_MEDIUM)
  const msf = (cdb[1]! & 0x02) !== 0
  switch (opcode) {
    case OPCODE.TEST_UNIT_READY:
    case OPCODE.SET_CD_SPEED:
      return DONE
    case OPCODE.PAUSE_RESUME:
      // Where nothing plays it is paused already: Windows 95 takes an error amiss.
      if (cdb[8]! & 1) audio.resume()
      else audio.pause()
      return DONE
    case OPCODE.STOP_PLAY_SCAN:
      audio.stop()
      return DONE
    case OPCODE.REQUEST_SENSE:
      return requestSense(unit, cdb[4]!)
    case OPCODE.INQUIRY:
      return cdb[1]! & 0x01
        ? failed(SENSE.INVALID_FIELD_IN_CDB)
        : answer(responses.inquiryData(unit.model), cdb[4]!)
    case OPCODE.START_STOP_UNIT:
      audio.stop()
      return startStop(medium, cdb[4]!)
    case OPCODE.PREVENT_ALLOW:
      medium.locked = (cdb[4]! & 1) !== 0
      return DONE
    case OPCODE.READ_CAPACITY:
      return answer(responses.capacityData(medium), 8)
    case OPCODE.READ_10:
      return readData(unit, be32(cdb, 2), be16(cdb, 7))
    case OPCODE.READ_12:
      return readData(unit, be32(cdb, 2), be32(cdb, 6))
    case OPCODE.READ_CD:
      return readCd(unit, cdb, be32(cdb, 2), be24(cdb, 6))
    case OPCODE.READ_CD_MSF: {
      const first = responses.msfToSector(cdb[3]!, cdb[4]!, cdb[5]!)
      const end = responses.msfToSector(cdb[6]!, cdb[7]!, cdb[8]!)
      return end < first ? failed(SENSE.INVALID_FIELD_IN_CDB) : readCd(unit, cdb, first, end - first)
    }
    case OPCODE.SEEK_10:
      if (be32(cdb, 2) >= medium.sectorCount) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
      audio.stop()
      return DONE
    case OPCODE.READ_SUBCHANNEL:
      return answer(subchannel(unit, cdb, msf), be16(cdb, 7))
    case OPCODE.READ_TOC:
      return readToc(medium, cdb, msf)
    case OPCODE.READ_HEADER:
      return readHeader(medium, be32(cdb, 2), msf, be16(cdb, 7))
    case OPCODE.PLAY_AUDIO_10:
    case OPCODE.PLAY_AUDIO_12:
    case OPCODE.PLAY_AUDIO_MSF:
    case OPCODE.PLAY_AUDIO_TRACK:
      return medium.tracks.some(({ kind }) => kind === 'audio')
        ? playCommand(unit, cdb)
        : failed(SENSE.ILLEGAL_MODE_FOR_TRACK)
    case OPCODE.GET_CONFIGURATION:
      return answer(responses.configurationData(medium, cdb[1]! & 3, be16(cdb, 2)), be16(cdb, 7))
    case OPCODE.GET_EVENT_STATUS:
      // Without the polled bit the host asks to be told later, which this drive cannot.
      return cdb[1]! & 1
        ? answer(responses.eventData(medium, cdb[4]!), be16(cdb, 7))
        : failed(SENSE.INVALID_FIELD_IN_CDB)
    case OPCODE.READ_DISC_INFORMATION:
      return answer(responses.discInformationData(medium), be16(cdb, 7))
    case OPCODE.READ_TRACK_INFORMATION:
      return answer(responses.trackInformationData(medium, be32(cdb, 2), (cdb[1]! & 3) === 1), be16(cdb, 7))
    case OPCODE.GET_PERFORMANCE:
      return answer(responses.performanceData(medium), 8 + be16(cdb, 8) * 16)
    case OPCODE.READ_DVD_STRUCTURE:
      return answer(medium.isDvd && cdb[7] === 0 ? responses.dvdStructureData(medium) : null, be16(cdb, 8))
    case OPCODE.MECHANISM_STATUS:
      return answer(responses.mechanismStatusData(medium), be16(cdb, 8))
    case OPCODE.MODE_SENSE_6:
      return modeSense(medium, cdb, 4, cdb[4]!)
    case OPCODE.MODE_SENSE_10:
      return modeSense(medium, cdb, 8, be16(cdb, 7))
    case OPCODE.MODE_SELECT_6:
      return cdb[4] === 0 ? DONE : { kind: 'parameters', bytes: cdb[4]! }
    case OPCODE.MODE_SELECT_10:
      return be16(cdb, 7) === 0 ? DONE : { kind: 'parameters', bytes: be16(cdb, 7) }
    default:
      return failed(SENSE.INVALID_COMMAND)
  }
}

function requestSense({ medium, sense }: PacketUnit, allocated: number): PacketOutcome {
  // Asked before any other command has met it, a pending attention is reported here, and once.
  const pending = sense.key === 0 && medium.changed
  if (pending) medium.changed = false
  return answer(senseData(pending ? SENSE.MEDIUM_MAY_HAVE_CHANGED : sense), allocated)
}

function startStop(medium: CdMedium, action: number): PacketOutcome {
  const loadOrEject = (action & 2) !== 0
  const start = (action & 1) !== 0
  if (loadOrEject && start) medium.closeTray()
  else if (loadOrEject && medium.locked) return failed(SENSE.REMOVAL_PREVENTED)
  else if (loadOrEject) medium.openTray()
  else if (start && !medium.image) return failed(SENSE.NO_MEDIUM)
  return DONE
}

/** READ(10) and READ(12): data alone. Reading them ends the sound. */
function readData(unit: PacketUnit, lba: number, count: number): PacketOutcome {
  const { medium } = unit
  if (lba < 0 || lba + count > medium.sectorCount) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
  const isSound = medium.tracks.some(
    ({ start, kind }, index) =>
      kind === 'audio' &&
      start < lba + count &&
      (medium.tracks[index + 1]?.start ?? medium.sectorCount) > lba,
  )
  if (count > 0 && isSound) return failed(SENSE.ILLEGAL_MODE_FOR_TRACK)
  // Data have their place in a sector of either mode; what is read across both is data as well.
  return readSectors(unit, lba, count, USER_DATA_ONLY, 'mode1')
}

function readSectors(
  { medium, audio }: PacketUnit,
  lba: number,
  count: number,
  fields: number,
  track: CdTrackKind,
): PacketOutcome {
  if (lba < 0 || lba + count > medium.sectorCount) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
  if (count === 0 || rawSectorBytes(fields, track) === 0) return DONE
  audio.stop()
  return { kind: 'sectors', lba, count, fields, track }
}

/** Types of sectors that READ CD may expect: 1 sound, 2 mode 1, 4 form 1 of mode 2; 0 is any. */
const EXPECTED: Record<CdTrackKind, number> = { audio: 1, mode1: 2, mode2: 4 }

function readCd(unit: PacketUnit, cdb: Uint8Array, lba: number, count: number): PacketOutcome {
  const expectedType = (cdb[1]! >> 2) & 7
  if (cdb[9]! & 0x06 || cdb[10]! & 0x07) return failed(SENSE.INVALID_FIELD_IN_CDB) // C2 errors, sub-channels
  const track = unit.medium.kindOf(lba, count)
  if (track === null || (expectedType !== 0 && expectedType !== EXPECTED[track]))
    return failed(SENSE.ILLEGAL_MODE_FOR_TRACK)
  return readSectors(unit, lba, count, cdb[9]! & 0xf8, track)
}

function subchannel({ medium, audio }: PacketUnit, cdb: Uint8Array, msf: boolean): Uint8Array | null {
  const { position } = audio
  const [wanted, format] = [(cdb[2]! & 0x40) !== 0, cdb[3]!]
  return responses.subchannelData(medium, { msf, wanted, format, position, status: audio.takeStatus() })
}

function playCommand(unit: PacketUnit, cdb: Uint8Array): PacketOutcome {
  switch (cdb[0]) {
    case OPCODE.PLAY_AUDIO_10:
      return play(unit, be32(cdb, 2), be32(cdb, 2) + be16(cdb, 7))
    case OPCODE.PLAY_AUDIO_12:
      return play(unit, be32(cdb, 2), be32(cdb, 2) + be32(cdb, 6))
    case OPCODE.PLAY_AUDIO_MSF:
      return playMsf(unit, cdb)
    default:
      return playTracks(unit, cdb[4]!, cdb[7]!)
  }
}

/** Plays up to a sector, or to where sound ends. FFFFFFFFh goes on from where it is. */
function play({ medium, audio }: PacketUnit, first: number, end: number): PacketOutcome {
  const isOnward = first === 0xffff_ffff
  const from = isOnward ? audio.position : first
  const until = isOnward ? audio.position + (end - first) : end
  if (from >= medium.sectorCount || until > medium.sectorCount) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
  if (until < from) return failed(SENSE.INVALID_FIELD_IN_CDB)
  if (medium.kindOf(from, 1) !== 'audio') return failed(SENSE.ILLEGAL_MODE_FOR_TRACK)
  if (until === from) return DONE
  const data = medium.tracks.find(({ kind, start }) => kind !== 'audio' && start > from)
  audio.play(from, Math.min(until, data?.start ?? until))
  return DONE
}

/** FFh in each field goes on from where it is. */
function playMsf(unit: PacketUnit, cdb: Uint8Array): PacketOutcome {
  const isOnward = cdb[3] === 0xff && cdb[4] === 0xff && cdb[5] === 0xff
  const from = isOnward ? unit.audio.position : responses.msfToSector(cdb[3]!, cdb[4]!, cdb[5]!)
  const end = responses.msfToSector(cdb[6]!, cdb[7]!, cdb[8]!)
  if (from < 0) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
  return play(unit, from, Math.min(end, unit.medium.sectorCount))
}

/** From a track to the end of another; their indexes are not told apart. */
function playTracks(unit: PacketUnit, first: number, last: number): PacketOutcome {
  const { tracks, sectorCount } = unit.medium
  const from = tracks.find(({ number }) => number === first)
  if (!from || last < first) return failed(SENSE.INVALID_FIELD_IN_CDB)
  return play(unit, from.start, tracks.find(({ number }) => number > last)?.start ?? sectorCount)
}

function readToc(medium: CdMedium, cdb: Uint8Array, msf: boolean): PacketOutcome {
  // SFF-8020 has the format in the last byte, MMC in the third.
  const format = cdb[2]! & 0x0f || cdb[9]! >> 6
  const allocated = be16(cdb, 7)
  if (format === 0) return answer(responses.tocData(medium, msf, cdb[6]!), allocated)
  if (format === 1) return answer(responses.sessionData(medium, msf), allocated)
  if (format === 2) return answer(responses.fullTocData(medium), allocated)
  return failed(SENSE.INVALID_FIELD_IN_CDB)
}

function readHeader(medium: CdMedium, lba: number, msf: boolean, allocated: number): PacketOutcome {
  if (lba >= medium.sectorCount) return failed(SENSE.ADDRESS_OUT_OF_RANGE)
  const kind = medium.kindOf(lba, 1)
  if (kind === 'audio') return failed(SENSE.ILLEGAL_MODE_FOR_TRACK)
  const data = new Uint8Array(8)
  data[0] = kind === 'mode2' ? 2 : 1
  if (msf) responses.putMsf(data, 5, lba)
  else new DataView(data.buffer).setUint32(4, lba)
  return answer(data, allocated)
}

function modeSense(medium: CdMedium, cdb: Uint8Array, headerBytes: 4 | 8, allocated: number): PacketOutcome {
  const control = cdb[2]! >> 6
  if (control === 3) return failed(SENSE.SAVING_NOT_SUPPORTED)
  return answer(responses.modeData(medium, headerBytes, cdb[2]! & 0x3f, control), allocated)
}
