/** Registers by offset and their bits, as the PC16550D datasheet names them. */
export const RBR = 0 // read; THR when written, DLL while DLAB is set
export const IER = 1 // DLM while DLAB is set
export const IIR = 2 // read; FCR when written
export const LCR = 3
export const MCR = 4
export const LSR = 5
export const MSR = 6
export const SCR = 7

export const IER_ERBFI = 1 << 0
export const IER_ETBEI = 1 << 1
export const IER_ELSI = 1 << 2
export const IER_EDSSI = 1 << 3

export const IIR_NONE = 0x01
export const IIR_MODEM = 0x00
export const IIR_THRE = 0x02
export const IIR_RDA = 0x04
export const IIR_LINE_STATUS = 0x06
export const IIR_TIMEOUT = 0x0c
export const IIR_FIFOS = 0xc0

export const FCR_ENABLE = 1 << 0
export const FCR_CLEAR_RX = 1 << 1
export const FCR_CLEAR_TX = 1 << 2
/** Enable, DMA mode and trigger level stay; the clear bits act once. */
export const FCR_KEPT = 0xc9
/** Characters at which the receiver interrupts, by FCR bits 6 and 7. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const
export const FIFO_LENGTH = 16

export const LCR_STOP = 1 << 2
export const LCR_PARITY = 1 << 3
export const LCR_BREAK = 1 << 6
export const LCR_DLAB = 1 << 7

export const MCR_DTR = 1 << 0
export const MCR_RTS = 1 << 1
export const MCR_OUT1 = 1 << 2
export const MCR_OUT2 = 1 << 3
export const MCR_LOOP = 1 << 4

export const LSR_DR = 1 << 0
export const LSR_OE = 1 << 1
export const LSR_BI = 1 << 4
export const LSR_THRE = 1 << 5
export const LSR_TEMT = 1 << 6
export const LSR_FIFO_ERROR = 1 << 7
export const LSR_ERRORS = 0x1e

export const MSR_DCTS = 1 << 0
export const MSR_DDSR = 1 << 1
export const MSR_TERI = 1 << 2
export const MSR_DDCD = 1 << 3
export const MSR_CTS = 1 << 4
export const MSR_DSR = 1 << 5
export const MSR_RI = 1 << 6
export const MSR_DCD = 1 << 7

/** The oscillator of a PC's serial card divided by 16, in baud at a divisor of 1. */
export const BAUD_BASE = 115_200

/** Time that one character takes on the line, start and stop bits included, in ns. A divisor of 0 counts as 65536. */
export function characterNs(divisor: number, lcr: number): number {
  const dataBits = 5 + (lcr & 3)
  const stopBits = !(lcr & LCR_STOP) ? 1 : dataBits === 5 ? 1.5 : 2
  const parityBits = lcr & LCR_PARITY ? 1 : 0
  return Math.round(((1 + dataBits + parityBits + stopBits) * (divisor || 65536) * 1e9) / BAUD_BASE)
}
