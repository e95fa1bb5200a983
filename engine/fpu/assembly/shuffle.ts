/** Shuffles by an immediate, byte shifts and sums of differences, of MMX and XMM registers by address. */

/** Four words of a quadword at `from` in the order that two bits each of `order` say. */
// @ts-ignore: decorator
@inline
function shuffledWords(from: usize, order: u32): u64 {
  const first = <u64>load<u16>(from + ((order & 3) << 1))
  const second = <u64>load<u16>(from + (((order >> 2) & 3) << 1))
  const third = <u64>load<u16>(from + (((order >> 4) & 3) << 1))
  return first | (second << 16) | (third << 32) | (<u64>load<u16>(from + (((order >> 6) & 3) << 1)) << 48)
}

export function pshufw(to: usize, from: usize, order: u32): i32 {
  store<u64>(to, shuffledWords(from, order))
  return 0
}

export function pshuflw(to: usize, from: usize, order: u32): i32 {
  const high = load<u64>(from, 8)
  store<u64>(to, shuffledWords(from, order))
  store<u64>(to, high, 8)
  return 0
}

export function pshufhw(to: usize, from: usize, order: u32): i32 {
  const low = load<u64>(from)
  store<u64>(to, shuffledWords(from + 8, order), 8)
  store<u64>(to, low)
  return 0
}

// @ts-ignore: decorator
@inline
function pairOfDwords(from: usize, order: u32): u64 {
  return <u64>load<u32>(from + ((order & 3) << 2)) | (<u64>load<u32>(from + (((order >> 2) & 3) << 2)) << 32)
}

export function pshufd(to: usize, from: usize, order: u32): i32 {
  const low = pairOfDwords(from, order)
  const high = pairOfDwords(from, order >> 4)
  store<u64>(to, low)
  store<u64>(to, high, 8)
  return 0
}

/** Two lanes of the destination below two of the source. */
export function shufps(to: usize, from: usize, order: u32): i32 {
  const low = pairOfDwords(to, order)
  const high = pairOfDwords(from, order >> 4)
  store<u64>(to, low)
  store<u64>(to, high, 8)
  return 0
}

export function shufpd(to: usize, from: usize, order: u32): i32 {
  const low = load<u64>(to + ((order & 1) << 3))
  const high = load<u64>(from + (((order >> 1) & 1) << 3))
  store<u64>(to, low)
  store<u64>(to, high, 8)
  return 0
}

export function pslldq(to: usize, bytes: u32): i32 {
  const low = load<u64>(to)
  const high = load<u64>(to, 8)
  const bits = <u64>bytes << 3
  store<u64>(to, bytes < 8 ? low << bits : 0)
  store<u64>(to, bytes == 0 ? high : bytes < 8 ? (high << bits) | (low >> (64 - bits)) : bytes < 16 ? low << (bits - 64) : 0, 8)
  return 0
}

export function psrldq(to: usize, bytes: u32): i32 {
  const low = load<u64>(to)
  const high = load<u64>(to, 8)
  const bits = <u64>bytes << 3
  store<u64>(to, bytes == 0 ? low : bytes < 8 ? (low >> bits) | (high << (64 - bits)) : bytes < 16 ? high >> (bits - 64) : 0)
  store<u64>(to, bytes < 8 ? high >> bits : 0, 8)
  return 0
}

/** PSADBW of one quadword. */
export function psadbw(to: usize, from: usize): i32 {
  let sum: i32 = 0
  for (let i: usize = 0; i < 8; i++) sum += abs<i32>(<i32>load<u8>(to + i) - <i32>load<u8>(from + i))
  store<u64>(to, sum)
  return 0
}
