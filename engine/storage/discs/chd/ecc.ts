/** Where the parity of a sector stands: P of 86 columns, then Q of 52 diagonals, two bytes each. */
const P_START = 2076
const Q_START = 2248
const HEADER_START = 12

/** Multiplication by 2, and division by 3, in the field of 256 elements with x^8 + x^4 + x^3 + x^2 + 1. */
function tables(): { double: Uint8Array; third: Uint8Array } {
  const [double, third] = [new Uint8Array(256), new Uint8Array(256)]
  for (let value = 0; value < 256; value++) {
    const twice = (value << 1) ^ (value & 0x80 ? 0x11d : 0)
    double[value] = twice
    third[value ^ (twice & 0xff)] = value
  }
  return { double, third }
}

const { double, third } = tables()

/** Writes the parity of a sector of mode 1 anew, as it follows from all that comes before it. @see ECMA-130, annex A */
export function putEcc(sector: Uint8Array): void {
  parity(sector, P_START, 86, 24, 2, 86)
  parity(sector, Q_START, 52, 43, 86, 88)
}

function parity(
  sector: Uint8Array,
  start: number,
  columns: number,
  rows: number,
  columnStep: number,
  rowStep: number,
): void {
  const size = columns * rows
  for (let column = 0; column < columns; column++) {
    let at = (column >> 1) * columnStep + (column & 1)
    let [a, b] = [0, 0]
    for (let row = 0; row < rows; row++) {
      const byte = sector[HEADER_START + at]!
      at += rowStep
      if (at >= size) at -= size
      a = double[a ^ byte]!
      b ^= byte
    }
    a = third[double[a]! ^ b]!
    sector[start + column] = a
    sector[start + columns + column] = a ^ b
  }
}
