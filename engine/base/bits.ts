/** Sign-extends the low `bits` bits of a 32-bit value. */
export const signExtend = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits)

export const fromBcd = (value: number): number => (value >> 4) * 10 + (value & 15)
export const toBcd = (value: number): number => (Math.floor(value / 10) << 4) | (value % 10)
