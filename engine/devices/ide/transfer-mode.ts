import * as v from 'valibot'

export const transferModeSchema = v.strictObject({
  kind: v.picklist(['pio', 'single-word', 'multi-word', 'ultra']),
  number: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4)),
})

/** SET FEATURES 03h: the mode of data transfer that the host chose, as IDENTIFY shows it. */
export type TransferMode = v.InferOutput<typeof transferModeSchema>

/** PIO is always possible; a PIIX3 drives multi-word DMA to mode 2, and drives of its age knew Ultra DMA 2. */
const MODES: { kind: TransferMode['kind']; code: number; most: number }[] = [
  { kind: 'pio', code: 0x08, most: 4 },
  { kind: 'single-word', code: 0x10, most: 2 },
  { kind: 'multi-word', code: 0x20, most: 2 },
  { kind: 'ultra', code: 0x40, most: 2 },
]

export const DEFAULT_TRANSFER_MODE: TransferMode = { kind: 'multi-word', number: 2 }

/** @param code the sector count register of SET FEATURES 03h; null when there is no such mode */
export function decodeTransferMode(code: number): TransferMode | null {
  if (code === 0 || code === 1) return { kind: 'pio', number: 0 } // default, without or with IORDY
  const row = MODES.find(({ code: base, most }) => code >= base && code <= base + most)
  return row ? { kind: row.kind, number: code - row.code } : null
}

/** IDENTIFY word 62, 63 or 88: supported modes, and the chosen one in the high byte. */
export function modeWord(kind: TransferMode['kind'], chosen: TransferMode): number {
  return 0x07 | (chosen.kind === kind ? 0x100 << chosen.number : 0)
}
