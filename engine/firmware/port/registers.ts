import { COMMAND, Packer } from './protocol.ts'

export const FLAG = { carry: 1, zero: 0x40, trap: 0x100, interrupt: 0x200 } as const

/** The caller's registers: as they came with a call, then as it gets them back. */
export class Registers {
  ds = 0
  es = 0
  cs = 0
  ip = 0
  ss = 0
  /** Of the caller, once the interrupt frame is off the stack. */
  esp = 0
  #file = new Uint32Array(7)
  #view = new DataView(this.#file.buffer)

  /**
   * @param callerFlags from the interrupt frame: what IRET would restore
   * @param entryFlags as the handler found them, interrupts and trap disabled
   */
  constructor(
    public callerFlags: number = FLAG.interrupt,
    public entryFlags = 2,
  ) {
    this.flags = callerFlags
  }

  /** What the caller gets. Starts as the caller's own. */
  flags: number

  get eax(): number {
    return this.#file[0]!
  }
  set eax(value: number) {
    this.#file[0] = value
  }
  get ebx(): number {
    return this.#file[1]!
  }
  set ebx(value: number) {
    this.#file[1] = value
  }
  get ecx(): number {
    return this.#file[2]!
  }
  set ecx(value: number) {
    this.#file[2] = value
  }
  get edx(): number {
    return this.#file[3]!
  }
  set edx(value: number) {
    this.#file[3] = value
  }
  get esi(): number {
    return this.#file[4]!
  }
  set esi(value: number) {
    this.#file[4] = value
  }
  get edi(): number {
    return this.#file[5]!
  }
  set edi(value: number) {
    this.#file[5] = value
  }
  get ebp(): number {
    return this.#file[6]!
  }
  set ebp(value: number) {
    this.#file[6] = value
  }

  get ax(): number {
    return this.#view.getUint16(0, true)
  }
  set ax(value: number) {
    this.#view.setUint16(0, value, true)
  }
  get bx(): number {
    return this.#view.getUint16(4, true)
  }
  set bx(value: number) {
    this.#view.setUint16(4, value, true)
  }
  get cx(): number {
    return this.#view.getUint16(8, true)
  }
  set cx(value: number) {
    this.#view.setUint16(8, value, true)
  }
  get dx(): number {
    return this.#view.getUint16(12, true)
  }
  set dx(value: number) {
    this.#view.setUint16(12, value, true)
  }
  get si(): number {
    return this.#view.getUint16(16, true)
  }
  set si(value: number) {
    this.#view.setUint16(16, value, true)
  }
  get di(): number {
    return this.#view.getUint16(20, true)
  }
  set di(value: number) {
    this.#view.setUint16(20, value, true)
  }
  get bp(): number {
    return this.#view.getUint16(24, true)
  }
  set bp(value: number) {
    this.#view.setUint16(24, value, true)
  }

  get al(): number {
    return this.#view.getUint8(0)
  }
  set al(value: number) {
    this.#view.setUint8(0, value)
  }
  get ah(): number {
    return this.#view.getUint8(1)
  }
  set ah(value: number) {
    this.#view.setUint8(1, value)
  }
  get bl(): number {
    return this.#view.getUint8(4)
  }
  set bl(value: number) {
    this.#view.setUint8(4, value)
  }
  get bh(): number {
    return this.#view.getUint8(5)
  }
  set bh(value: number) {
    this.#view.setUint8(5, value)
  }
  get cl(): number {
    return this.#view.getUint8(8)
  }
  set cl(value: number) {
    this.#view.setUint8(8, value)
  }
  get ch(): number {
    return this.#view.getUint8(9)
  }
  set ch(value: number) {
    this.#view.setUint8(9, value)
  }
  get dl(): number {
    return this.#view.getUint8(12)
  }
  set dl(value: number) {
    this.#view.setUint8(12, value)
  }
  get dh(): number {
    return this.#view.getUint8(13)
  }
  set dh(value: number) {
    this.#view.setUint8(13, value)
  }

  setCarry(on: boolean): void {
    this.flags = on ? this.flags | FLAG.carry : this.flags & ~FLAG.carry
  }
  setZero(on: boolean): void {
    this.flags = on ? this.flags | FLAG.zero : this.flags & ~FLAG.zero
  }

  /**
   * Return as by STI and RETF 2 instead of IRET: interrupts enabled, and nothing of the stacked flags used,
   * which a caller that got here by a far jump may have filled with anything.
   */
  returnEnabled(): void {
    this.flags = (this.entryFlags & ~(FLAG.carry | FLAG.trap)) | FLAG.interrupt
  }

  /** @param header what the ROM sent: see `enter` in rom/channel16.asm */
  static parse(header: Uint8Array): { service: number; registers: Registers } {
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
    const registers = new Registers(view.getUint16(38, true), view.getUint16(40, true))
    registers.eax = view.getUint32(2, true)
    registers.ebx = view.getUint32(6, true)
    registers.ecx = view.getUint32(10, true)
    registers.edx = view.getUint32(14, true)
    registers.esi = view.getUint32(18, true)
    registers.edi = view.getUint32(22, true)
    registers.ebp = view.getUint32(26, true)
    registers.ds = view.getUint16(30, true)
    registers.es = view.getUint16(32, true)
    registers.ip = view.getUint16(34, true)
    registers.cs = view.getUint16(36, true)
    registers.ss = view.getUint16(42, true)
    registers.esp = view.getUint32(44, true)
    return { service: view.getUint16(0, true), registers }
  }

  /** The rest of a `done` command. */
  packInto(packer: Packer): Packer {
    return packer
      .u16(this.flags)
      .far(this.cs, this.ip)
      .u16(this.es)
      .u16(this.ds)
      .u32(this.ebp)
      .u32(this.edi)
      .u32(this.esi)
      .u32(this.ecx)
      .u32(this.ebx)
      .u32(this.edx)
      .u32(this.eax)
  }
}

/** How a call ends. */
export type Outcome =
  | { kind: 'done' }
  /** Nothing to give yet: the ROM waits for an interrupt and calls again with the same registers. */
  | { kind: 'retry'; entry: number }
  /** Into a real-mode program: CS:IP, flags and all of `registers`, with a stack of its own. */
  | { kind: 'launch16'; ss: number; esp: number; fs: number; gs: number }
  /** Into a 32-bit program, flat, interrupts disabled. General registers from `registers`. */
  | { kind: 'launch32'; entry: number; esp: number }
  /** INT 15h/89h: back to the caller in protected mode. */
  | { kind: 'switch-protected'; segment: number; offset: number }

export const DONE: Outcome = { kind: 'done' }

/** The last command of a call. */
export function packOutcome(outcome: Outcome, registers: Registers): Uint8Array {
  const packer = new Packer()
  switch (outcome.kind) {
    case 'done':
      return registers.packInto(packer.command(COMMAND.done)).bytes
    case 'retry':
      registers.flags = registers.callerFlags
      return registers.packInto(packer.command(COMMAND.retry, outcome.entry)).bytes
    case 'launch16':
      packer.command(COMMAND.launch16).u16(outcome.ss).u32(outcome.esp).u16(outcome.fs).u16(outcome.gs)
      return registers.packInto(packer).bytes
    case 'launch32': {
      const { ebp, edi, esi, ecx, ebx, edx, eax } = registers
      packer.command(COMMAND.launch32).u32(outcome.esp).u32(outcome.entry)
      for (const value of [ebp, edi, esi, ecx, ebx, edx, eax]) packer.u32(value)
      return packer.bytes
    }
    case 'switch-protected':
      return packer
        .command(COMMAND.switchProtected)
        .far(outcome.segment, outcome.offset)
        .u16(registers.ip)
        .u32(registers.ebp)
        .u32(registers.ebx)
        .u32(registers.ecx)
        .u32(registers.edx)
        .u32(registers.eax).bytes
  }
}
