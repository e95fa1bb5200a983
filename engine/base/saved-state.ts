import * as v from 'valibot'
import { technical } from '../protocol/reasons.ts'
import { EngineError } from './errors.ts'

/** Checks a saved state, which is as hostile as guest input, against a device's schema. */
export function parseSaved<Schema extends v.GenericSchema>(
  device: string,
  schema: Schema,
  state: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, state)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new EngineError('state-invalid', {
    device,
    reason: technical(`${v.getDotPath(issue) ?? 'state'}: ${issue.message}`),
  })
}

/** An integer field of a register's width. */
export const bits = (width: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** width - 1))
/** A guest time or a deadline, in ns. */
export const timeNs = v.pipe(v.number(), v.finite())
