export const fromBcd = (value: number): number => (value >> 4) * 10 + (value & 15)
export const toBcd = (value: number): number => (Math.floor(value / 10) << 4) | (value % 10)
