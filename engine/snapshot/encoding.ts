import { EngineError } from '../base/errors.ts'
import { because } from '../protocol/reasons.ts'

/**
 * Plain data with bytes and big integers, as JSON: what JSON lacks is an object of one key, `$bytes` (base64) or
 * `$int` (decimal). No device uses such keys.
 */
export function encodeState(state: unknown): string {
  return JSON.stringify(state, (_key, value: unknown) => {
    if (typeof value === 'bigint') return { $int: value.toString() }
    if (ArrayBuffer.isView(value))
      return {
        $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
        $type: value.constructor.name,
      }
    return value
  })
}

const ARRAYS = {
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int32Array,
  Float64Array,
} as const

/** The inverse. Throws `state-invalid` on anything that is not such JSON. */
export function decodeState(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown) => revive(value))
  } catch (cause) {
    throw new EngineError(
      'state-invalid',
      { device: 'state', reason: because('state-description-damaged') },
      { cause },
    )
  }
}

function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('$int' in value && typeof value.$int === 'string' && /^-?\d{1,40}$/.test(value.$int))
    return BigInt(value.$int)
  if (
    '$bytes' in value &&
    '$type' in value &&
    typeof value.$bytes === 'string' &&
    typeof value.$type === 'string'
  ) {
    const bytes = Uint8Array.from(Buffer.from(value.$bytes, 'base64'))
    const type = value.$type === 'Buffer' ? 'Uint8Array' : value.$type
    if (!(type in ARRAYS)) throw new TypeError(`unknown kind of array ${type}`)
    return new ARRAYS[type as keyof typeof ARRAYS](bytes.buffer)
  }
  return value
}
