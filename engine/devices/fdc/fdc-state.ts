import * as v from 'valibot'
import { bits, timeNs } from '../../base/saved-state.ts'
import { MAX_COMMAND_BYTES } from './commands.ts'
import { CONFIGURE_DEFAULT, RATE_AFTER_HARD_RESET } from './registers.ts'
import { MAX_SECTOR_CODE, sectorBytes } from './sector-transfer.ts'

const byte = bits(8)
const index = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max))

const LARGEST = sectorBytes(MAX_SECTOR_CODE)

/** Sectors on the way. `unit` is what the command named, for the status bytes; the drive is the DOR's. */
const transferSchema = v.strictObject({
  kind: v.picklist([
    'read',
    'write',
    'verify',
    'scan-equal',
    'scan-low-or-equal',
    'scan-high-or-equal',
    'read-track',
    'format',
  ]),
  unit: bits(2),
  /** Side of the disk; `h` is what the header must say. */
  head: bits(1),
  c: byte,
  h: byte,
  r: byte,
  n: byte,
  eot: byte,
  multiTrack: v.boolean(),
  /** READ/WRITE DELETED: what is looked for is a deleted mark, which no sector of an image has. */
  deleted: v.boolean(),
  skip: v.boolean(),
  /** Sectors to go where they are counted (VERIFY with EC, FORMAT, READ TRACK), else null. */
  left: v.nullable(index(256)),
  /** SCAN's step; FORMAT's fill byte. */
  extra: byte,
  st1: byte,
  st2: byte,
  /** Non-DMA mode: one sector (or one FORMAT header), of which the processor has moved `position` bytes. */
  buffer: v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length >= 512 && bytes.length <= LARGEST, 'no size of a sector'),
  ),
  position: index(LARGEST),
  length: index(LARGEST),
})

export const fdcSchema = v.strictObject({
  version: v.literal(1),
  dor: byte,
  tdr: byte,
  dsr: byte,
  rate: bits(2),
  lock: v.boolean(),
  configure: byte,
  pretrk: byte,
  perpendicular: bits(6),
  specify: v.strictTuple([byte, byte]),
  lastEot: byte,
  pcn: v.strictTuple([byte, byte, byte, byte]),
  head: bits(1),
  phase: v.picklist(['idle', 'command', 'execution', 'result']),
  command: v.pipe(v.array(byte), v.maxLength(MAX_COMMAND_BYTES)),
  result: v.pipe(v.array(byte), v.maxLength(10)),
  /** What the timer is armed for. */
  pending: v.picklist(['none', 'reset', 'seek', 'sector', 'read-id', 'fail']),
  deadlineNs: v.nullable(timeNs),
  interrupt: v.boolean(),
  resetSenses: index(4),
  /** ST0 of seeks that ended and were not sensed yet, by unit. */
  seekStatus: v.strictTuple([v.nullable(byte), v.nullable(byte), v.nullable(byte), v.nullable(byte)]),
  seekUnit: bits(2),
  seekResult: byte,
  transfer: v.nullable(transferSchema),
  drives: v.strictTuple([
    v.strictObject({ track: index(84), changed: v.boolean(), rotation: index(63) }),
    v.strictObject({ track: index(84), changed: v.boolean(), rotation: index(63) }),
  ]),
})

export type FdcSaved = v.InferOutput<typeof fdcSchema>
export type Transfer = v.InferOutput<typeof transferSchema>
/** Everything of the controller itself, without its drives and its timer. */
export type FdcState = Omit<FdcSaved, 'version' | 'drives' | 'deadlineNs'>

export function powerOnState(): FdcState {
  return {
    dor: 0,
    tdr: 0,
    dsr: 0,
    rate: RATE_AFTER_HARD_RESET,
    lock: false,
    configure: CONFIGURE_DEFAULT,
    pretrk: 0,
    perpendicular: 0,
    specify: [0, 0],
    lastEot: 0,
    pcn: [0, 0, 0, 0],
    head: 0,
    phase: 'idle',
    command: [],
    result: [],
    pending: 'none',
    interrupt: false,
    resetSenses: 0,
    seekStatus: [null, null, null, null],
    seekUnit: 0,
    seekResult: 0,
    transfer: null,
  }
}

export function newTransfer(kind: Transfer['kind'], unit: number, head: number): Transfer {
  return {
    kind,
    unit,
    head,
    c: 0,
    h: head,
    r: 0,
    n: 0,
    eot: 0,
    multiTrack: false,
    deleted: false,
    skip: false,
    left: null,
    extra: 0,
    st1: 0,
    st2: 0,
    buffer: new Uint8Array(512),
    position: 0,
    length: 0,
  }
}
