import {
  in8,
  out8,
  Packer,
  protectedCopy,
  read,
  RETRY,
  type Service,
  toDword,
  write,
  writeByte,
  writeDword,
} from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { BIOS_ENTRY, BIOS_SEGMENT } from '../../port/rom-layout.ts'
import { extendedMemory, memoryLayout, memoryRanges } from '../../memory-map.ts'
import { apm } from '../apm/apm.ts'
import { BDA, BDA_SEGMENT, EBDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { pointingDevice } from '../pointing/int15-c2.ts'
import { readCmos, writeCmos } from './time.ts'

const UNSUPPORTED = 0x86
const RETRY_INT15: Outcome = { kind: 'retry', entry: RETRY.int15 }
const SMAP = 0x534d4150
/** What AH=88h may tell at most: 286-type programs stop at 15 MiB, others at 63 MiB and something. */
const MAX_88H_KIB = 0xffc0
const PORT_92_A20 = 2

/**
 * INT 15h. Returns with interrupts enabled whatever the function.
 * @see IBM PS/2 and PC BIOS interface technical reference, "Interrupt 15h"; ACPI 6.0, "INT 15H, E820H"
 */
export function* int15(r: Registers, context: Context): Service<Outcome> {
  r.returnEnabled()
  r.setCarry(false)
  switch (r.ah) {
    case 0x24:
      yield* a20(r)
      break
    case 0x41: // wait for an external event
    case 0x80: // device open, close, program end
    case 0x81:
    case 0x82:
    case 0x85: // SysRq
    case 0x90: // device busy
    case 0x91:
      r.ah = 0
      break
    case 0x4f:
      r.setCarry(true) // the code is not ours to change
      break
    case 0x53:
      return yield* apm(r, context)
    case 0x83:
      yield* eventWait(r)
      break
    case 0x84:
      r.ax = 0
      r.bx = 0
      r.cx = 0
      r.dx = 0
      if (!(yield* gamePort())) fail(r, UNSUPPORTED)
      break
    case 0x86:
      return wait(r, context)
    case 0x87:
      yield* moveBlock(r)
      break
    case 0x88: {
      const kib = (memoryLayout(context.config.ramBytes, context.config.acpi).usableEnd - 0x100000) / 1024
      r.ax = Math.max(0, Math.min(MAX_88H_KIB, kib))
      break
    }
    case 0x89:
      if (context.config.wide) {
        fail(r, UNSUPPORTED)
        break
      }
      return yield* switchToProtected(r)
    case 0x8a: {
      const kib = Math.max(0, context.config.ramBytes - 0x100000) / 1024
      r.ax = kib & 0xffff
      r.dx = kib >>> 16
      break
    }
    case 0xc0:
      r.es = BIOS_SEGMENT
      r.bx = BIOS_ENTRY.configurationTable
      r.ah = 0
      break
    case 0xc1:
      r.es = EBDA_SEGMENT
      break
    case 0xc2:
      yield* pointingDevice(r, context)
      break
    case 0xe8:
      yield* systemMemory(r, context)
      break
    default:
      fail(r, UNSUPPORTED)
  }
  return DONE
}

function fail(r: Registers, status: number): void {
  r.ah = status
  r.setCarry(true)
}

function* a20(r: Registers): Service {
  switch (r.al) {
    case 0:
    case 1: {
      const value = yield* in8(0x92)
      yield* out8(0x92, (r.al ? value | PORT_92_A20 : value & ~PORT_92_A20) & 0xfe)
      r.ah = 0
      return
    }
    case 2:
      r.al = (yield* in8(0x92)) & PORT_92_A20 ? 1 : 0
      r.ah = 0
      return
    case 3:
      r.bx = 3 // keyboard controller and port 92h
      r.ah = 0
      return
    default:
      fail(r, UNSUPPORTED)
  }
}

/** A port that no game adapter answers reads as all ones. */
function* gamePort(): Service<boolean> {
  return (yield* in8(0x201)) !== 0xff
}

const PERIODIC = 0x40

/** AH=83h: bit 7 of the byte at ES:BX after CX:DX microseconds, counted by the clock's periodic interrupt. */
function* eventWait(r: Registers): Service {
  const b = yield* readCmos(0x0b)
  if (r.al === 1) {
    yield* writeByte(BDA_SEGMENT, BDA.waitActive, 0)
    yield* writeCmos(0x0b, b & ~PERIODIC)
    r.ah = 0
    return
  }
  if (((yield* read(BDA_SEGMENT, BDA.waitActive, 1))[0]! & 1) !== 0) {
    fail(r, 0x83)
    return
  }
  yield* write(BDA_SEGMENT, BDA.waitFlagPointer, new Packer().far(r.es, r.bx).bytes)
  yield* writeDword(BDA_SEGMENT, BDA.waitCount, ((r.cx << 16) | r.dx) >>> 0)
  yield* writeByte(BDA_SEGMENT, BDA.waitActive, 1)
  yield* out8(0xa1, (yield* in8(0xa1)) & 0xfe)
  yield* writeCmos(0x0b, b | PERIODIC)
  r.ah = 0
}

/** AH=86h: the ROM sleeps and asks again until the time is up. */
function wait(r: Registers, { state, clock }: Context): Outcome {
  state.waitUntilNs ??= clock.nowNs + ((r.cx << 16) | r.dx) * 1000
  if (clock.nowNs < state.waitUntilNs) return RETRY_INT15
  state.waitUntilNs = null
  r.ah = 0
  return DONE
}

const descriptorBase = (table: Uint8Array, at: number): number =>
  (toDword(table.subarray(at + 2)) & 0xffffff) + table[at + 7]! * 0x1000000

/** AH=87h: CX words between the descriptors 10h and 18h of the table at ES:SI. */
function* moveBlock(r: Registers): Service {
  const table = yield* read(r.es, r.si, 0x30)
  const done = yield* protectedCopy(descriptorBase(table, 0x10), descriptorBase(table, 0x18), r.cx * 2)
  r.ah = done ? 0 : 3
  r.setCarry(!done)
  r.setZero(done)
}

/** AH=89h: interrupt controllers to BH and BL, then protected mode with the caller's tables at ES:SI. */
function* switchToProtected(r: Registers): Service<Outcome> {
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, r.bh],
    [0x21, 4],
    [0x21, 1],
    [0x21, 0xff],
    [0xa0, 0x11],
    [0xa1, r.bl],
    [0xa1, 2],
    [0xa1, 1],
    [0xa1, 0xff],
  ] as const)
    yield* out8(port, value)
  // Descriptor 38h is the BIOS's own to fill in.
  yield* write(r.es, r.si + 0x38, Uint8Array.of(0xff, 0xff, 0, 0, 0x0f, 0x9b, 0, 0))
  yield* out8(0x92, ((yield* in8(0x92)) | PORT_92_A20) & 0xfe)
  r.ah = 0
  return { kind: 'switch-protected', segment: r.es, offset: r.si }
}

/** AH=E8h: 01h, 81h and 20h. */
function* systemMemory(r: Registers, { config }: Context): Service {
  const { below16MiBKiB, above16MiBBlocks } = extendedMemory(config.ramBytes, config.acpi)
  switch (r.al) {
    case 0x01:
      r.ax = below16MiBKiB
      r.bx = above16MiBBlocks
      r.cx = below16MiBKiB
      r.dx = above16MiBBlocks
      return
    case 0x81:
      r.eax = below16MiBKiB
      r.ebx = above16MiBBlocks
      r.ecx = below16MiBKiB
      r.edx = above16MiBBlocks
      return
    case 0x20: {
      const ranges = memoryRanges(config.ramBytes, config.acpi)
      const range = ranges[r.ebx]
      if (r.edx !== SMAP || r.ecx < 20 || !range) {
        fail(r, UNSUPPORTED)
        return
      }
      const entry = new Packer().u32(range.base).u32(0).u32(range.length).u32(0).u32(range.kind)
      yield* write(r.es, r.di, entry.bytes)
      r.eax = SMAP
      r.ecx = 20
      r.ebx = r.ebx + 1 < ranges.length ? r.ebx + 1 : 0
      return
    }
    default:
      fail(r, UNSUPPORTED)
  }
}
