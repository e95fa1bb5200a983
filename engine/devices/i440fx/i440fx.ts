import * as v from 'valibot'
import type { Backing, MemoryMap, RegionHandle } from '../../bus/memory-map.ts'
import { PciFunction, pciStateSchema } from '../../bus/pci-function.ts'
import { KIB, RAM_BASE } from '../../memory/layout.ts'
import type { Device } from '../device.ts'
import { parseSaved } from '../../base/saved-state.ts'

const DRB = 0x60 // DRAM row boundaries, 60h to 67h, in units of 8 MiB
const PAM0 = 0x59
const SMRAM = 0x72
const PAM_READ = 1
const PAM_WRITE = 2
const SMRAM_D_OPEN = 1 << 6
const SMRAM_D_CLS = 1 << 5
const SMRAM_D_LCK = 1 << 4
const SMRAM_G_SMRAME = 1 << 3
const SMRAM_WRITABLE = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME
const SMRAM_WRITABLE_LOCKED = SMRAM_D_CLS | SMRAM_G_SMRAME
/** C_BASE_SEG: the SMM space is A0000h, the only value that the chip knows. */
const SMRAM_A0000 = 0x02

const SMRAM_BASE = 0xa0000
const SMRAM_BYTES = 128 * KIB
const SMRAM_FOR_CODE = { base: SMRAM_BASE, length: SMRAM_BYTES, offset: RAM_BASE + SMRAM_BASE }

const schema = v.object({ version: v.literal(1), pci: pciStateSchema })

interface Segment {
  base: number
  register: number
  shift: number
  handle: RegionHandle
  attributes: number
}

/**
 * Intel 82441FX host bridge of the 440FX chipset: PCI 0:0.0. What a guest notices of it are the programmable
 * attribute maps, which decide for each piece of C0000h-FFFFFh whether reads and writes go to the RAM below or
 * out to the ISA side, where the ROMs are.
 * @see Intel 82441FX datasheet 290549, sections 3.2.19 (PAM) and 3.2.24 (SMRAM)
 */
export class I440fx implements Device {
  readonly id = 'i440fx'
  readonly pci: PciFunction
  #segments: Segment[] = []
  #smram: RegionHandle
  #isManaging = false

  /** @param isaBacking what reads of C0000h-FFFFFh see on the ISA side at this address: ROM bytes, or nothing */
  constructor(
    private readonly memory: MemoryMap,
    private readonly isaBacking: (base: number) => Backing,
  ) {
    this.pci = new PciFunction(
      {
        vendorId: 0x8086,
        deviceId: 0x1237,
        revision: 2,
        classCode: 0x060000,
        // The real chip has none. SeaBIOS sets a machine up only if it finds this one.
        subsystemVendorId: 0x1af4,
        subsystemId: 0x1100,
      },
      [],
      (register, size) => this.#written(register, size),
    )
    const { config } = this.pci
    config.define(0x04, 2, 0x0006, 0x0140) // memory and master cannot be switched off
    config.define(0x50, 2, 0, 0xffff) // PMCCFG
    config.define(0x52, 2, 0, 0xffff) // DETURBO, DBC
    config.define(0x54, 4, 0, 0xffffffff) // AXC, DRT
    config.define(0x58, 1, 0, 0xff) // DRAMT
    config.define(0x57, 1, 1, 0xff) // DRAMC
    for (let register = PAM0; register <= PAM0 + 6; register++)
      config.define(register, 1, 0, register === PAM0 ? 0x30 : 0x33)
    // The row boundaries come out of reset as firmware would set them, for guests that size RAM by them.
    const rowUnits = Math.min(255, Math.floor(memory.memory.ramMiB / 8))
    for (let row = 0; row < 8; row++) config.define(DRB + row, 1, Math.max(1, rowUnits), 0xff)
    config.define(0x68, 1, 0, 0xff) // FDHC
    config.define(0x70, 2, 0, 0xffff) // MTT, CLT
    config.define(SMRAM, 1, SMRAM_A0000, SMRAM_WRITABLE)
    config.define(0x90, 1, 0, 0xff) // ERRCMD
    config.define(0x91, 1, 0, 0, 0x1f) // ERRSTS

    this.#addSegment(memory, 0xf0000, 64 * KIB, PAM0, 4)
    for (let index = 0; index < 12; index++)
      this.#addSegment(memory, 0xc0000 + index * 16 * KIB, 16 * KIB, PAM0 + 1 + (index >> 1), 4 * (index & 1))
    const ram = { offset: SMRAM_FOR_CODE.offset }
    this.#smram = memory.map({
      name: 'SMRAM',
      base: SMRAM_BASE,
      length: SMRAM_BYTES,
      read: ram,
      write: ram,
      // Above all that an adapter shows there.
      priority: 3,
    })
    this.#smram.update(null)
  }

  reset(): void {
    this.pci.reset()
    this.#applyAll()
  }

  /** SMIACT#: the processor is in system management mode, which is no state of this chip. */
  setManaging(isManaging: boolean): void {
    if (isManaging === this.#isManaging) return
    this.#isManaging = isManaging
    this.#applySmram()
  }

  save(): v.InferOutput<typeof schema> {
    return { version: 1, pci: this.pci.save() }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.pci.config.define(SMRAM, 1, SMRAM_A0000, SMRAM_WRITABLE) // a lock of the present must not bind the past
    this.pci.restore(saved.pci)
    this.#applyAll()
  }

  #addSegment(memory: MemoryMap, base: number, length: number, register: number, shift: number): void {
    const read = this.isaBacking(base)
    const handle = memory.map({
      name: `PAM ${base.toString(16)}`,
      base,
      length,
      read,
      write: null,
      priority: 1,
    })
    this.#segments.push({ base, register, shift, handle, attributes: 0 })
  }

  #written(register: number, size: number): void {
    if (register <= PAM0 + 6 && register + size > PAM0) this.#applySegments()
    if (register <= SMRAM && register + size > SMRAM) this.#applySmram()
  }

  #applyAll(): void {
    this.#applySegments()
    this.#applySmram()
  }

  #applySegments(): void {
    for (const segment of this.#segments) {
      const attributes = (this.pci.config.get(segment.register, 1) >> segment.shift) & (PAM_READ | PAM_WRITE)
      if (attributes === segment.attributes) continue
      segment.attributes = attributes
      const ram = { offset: RAM_BASE + segment.base }
      segment.handle.update({
        read: attributes & PAM_READ ? ram : this.isaBacking(segment.base),
        write: attributes & PAM_WRITE ? ram : null,
      })
    }
  }

  // D_OPEN shows the RAM to everybody. D_CLS hides it from data accesses, so that the code there reaches the screen.
  #applySmram(): void {
    const { config } = this.pci
    let smram = config.get(SMRAM, 1)
    if (smram & SMRAM_D_LCK) smram &= ~SMRAM_D_OPEN
    config.define(SMRAM, 1, SMRAM_A0000, smram & SMRAM_D_LCK ? SMRAM_WRITABLE_LOCKED : SMRAM_WRITABLE)
    config.set(SMRAM, smram, 1)
    const isShown = (smram & SMRAM_G_SMRAME) !== 0 && (this.#isManaging || (smram & SMRAM_D_OPEN) !== 0)
    const isForCode = (smram & SMRAM_D_CLS) !== 0
    this.#smram.update(isShown && !isForCode ? {} : null)
    this.memory.showToCode(isShown && isForCode ? SMRAM_FOR_CODE : null)
  }
}
