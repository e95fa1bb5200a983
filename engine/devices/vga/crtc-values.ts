import { CR, SR, type VgaRegisters } from './registers.ts'

/** The numbers that the CRT controller's registers hold in pieces. Lines are scan lines, characters 8 or 9 dots. */
export interface CrtcValues {
  /** Characters per line, with borders and retrace. */
  totalCharacters: number
  /** Characters shown. */
  characters: number
  /** Lines per frame, with borders and retrace. */
  totalLines: number
  /** Lines shown, at least 1. */
  lines: number
  retraceStart: number
  /** First line after the retrace; at most 16 after its start. */
  retraceEnd: number
  /** The last line before the address counter starts again at 0. */
  lineCompare: number
  /** Dots in a character, 8 or 9. */
  dots: 8 | 9
}

export function crtcValues({ crtc, sequencer }: VgaRegisters): CrtcValues {
  const overflow = crtc[CR.overflow]!
  const ninth = (bit: number): number => ((overflow >> bit) & 1) << 8
  const tenth = (bit: number): number => ((overflow >> bit) & 1) << 9
  // Mode control bit 2 clocks the line counter only every second line.
  const scale = crtc[CR.modeControl]! & 4 ? 2 : 1
  const retraceStart = crtc[CR.verticalRetraceStart]! | ninth(2) | tenth(7)
  const endNibble = crtc[CR.verticalRetraceEnd]! & 15
  const retraceLines = (endNibble - retraceStart) & 15 || 16
  return {
    totalCharacters: crtc[CR.horizontalTotal]! + 5,
    characters: crtc[CR.horizontalDisplayEnd]! + 1,
    totalLines: ((crtc[CR.verticalTotal]! | ninth(0) | tenth(5)) + 2) * scale,
    lines: ((crtc[CR.verticalDisplayEnd]! | ninth(1) | tenth(6)) + 1) * scale,
    retraceStart: retraceStart * scale,
    retraceEnd: (retraceStart + retraceLines) * scale,
    lineCompare:
      ((crtc[CR.lineCompare]! | ninth(4) | ((crtc[CR.maximumScanLine]! & 0x40) << 3)) + 1) * scale - 1,
    dots: sequencer[SR.clockingMode]! & 1 ? 8 : 9,
  }
}
