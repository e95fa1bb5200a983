import { in16, in32, in8, out16, out32, out8, type Service } from '../../port/protocol.ts'

/** Bus in bits 8-15, device in 3-7, function in 0-2, as the PCI BIOS packs it in BX. */
export type PciAddress = number

const ADDRESS = 0xcf8
const DATA = 0xcfc
const select = (address: PciAddress, register: number): Service =>
  out32(ADDRESS, (0x80000000 + address * 0x100 + (register & 0xfc)) >>> 0)

export function* readConfig8(address: PciAddress, register: number): Service<number> {
  yield* select(address, register)
  return yield* in8(DATA + (register & 3))
}
export function* readConfig16(address: PciAddress, register: number): Service<number> {
  yield* select(address, register)
  return yield* in16(DATA + (register & 2))
}
export function* readConfig32(address: PciAddress, register: number): Service<number> {
  yield* select(address, register)
  return yield* in32(DATA)
}
export function* writeConfig8(address: PciAddress, register: number, value: number): Service {
  yield* select(address, register)
  yield* out8(DATA + (register & 3), value)
}
export function* writeConfig16(address: PciAddress, register: number, value: number): Service {
  yield* select(address, register)
  yield* out16(DATA + (register & 2), value)
}
export function* writeConfig32(address: PciAddress, register: number, value: number): Service {
  yield* select(address, register)
  yield* out32(DATA, value >>> 0)
}

/** What a base address register holds of all ones: its size and kind. It keeps its value. */
export function* sizeOfWindow(address: PciAddress, register: number): Service<number> {
  const old = yield* readConfig32(address, register)
  yield* out32(DATA, 0xffffffff)
  const mask = yield* in32(DATA)
  yield* out32(DATA, old)
  return mask
}

/** Every function on bus 0, which is the only bus of this machine. */
export function* pciFunctions(): Service<PciAddress[]> {
  const found: PciAddress[] = []
  for (let device = 0; device < 32; device++) {
    const first = device << 3
    const id = yield* readConfig16(first, 0)
    if (id === 0xffff) continue
    found.push(first)
    if (!((yield* readConfig8(first, 0x0e)) & 0x80)) continue
    for (let fn = 1; fn < 8; fn++) if ((yield* readConfig16(first | fn, 0)) !== 0xffff) found.push(first | fn)
  }
  return found
}
