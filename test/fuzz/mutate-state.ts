import type { Random } from './random.ts'

const NUMBERS = [0, 1, -1, 0.5, 255, 256, 65536, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 1e300, NaN, Infinity]
const OTHERS: readonly unknown[] = [null, undefined, true, 'text', '', [], {}, 5n, new Uint8Array(3)]

/** A copy of a saved state with one to three things in it changed. */
export function mutate(state: unknown, random: Random): unknown {
  let copy: unknown = structuredClone(state)
  for (let changes = 1 + random.below(3); changes > 0; changes--) copy = changed(copy, random)
  return copy
}

function changed(value: unknown, random: Random): unknown {
  if (ArrayBuffer.isView(value)) return changedBytes(value as Uint8Array, random)
  if (Array.isArray(value)) return changedArray(value, random)
  if (typeof value === 'object' && value !== null)
    return changedObject(value as Record<string, unknown>, random)
  if (typeof value === 'number' && !random.oneIn(4)) return random.oneIn(2) ? random.pick(NUMBERS) : value + 1
  if (typeof value === 'number') return value ^ (1 << random.below(32))
  if (typeof value === 'boolean' && random.oneIn(2)) return !value
  return random.oneIn(2) ? random.pick(NUMBERS) : random.pick(OTHERS)
}

function changedObject(object: Record<string, unknown>, random: Random): unknown {
  const keys = Object.keys(object)
  if (keys.length === 0 || random.oneIn(20)) return random.pick(OTHERS)
  const key = random.pick(keys)
  const kind = random.below(20)
  if (kind === 0) delete object[key]
  else if (kind === 1) object[`${key}2`] = object[key]
  else object[key] = changed(object[key], random)
  return object
}

function changedArray(array: unknown[], random: Random): unknown {
  if (array.length === 0 || random.oneIn(10)) {
    const longer = array.length > 0 ? [...array, ...array] : [random.bits()]
    return random.oneIn(2)
      ? longer
      : random.oneIn(2)
        ? []
        : Array.from({ length: 70_000 }, () => array[0] ?? 0)
  }
  const index = random.below(array.length)
  array[index] = changed(array[index], random)
  return array
}

function changedBytes(bytes: Uint8Array, random: Random): unknown {
  if (bytes.length === 0 || random.oneIn(8))
    return random.oneIn(2) ? new Uint8Array(bytes.length + 1) : bytes.slice(1)
  const index = random.below(bytes.length)
  bytes[index] = random.bits()
  return bytes
}
