import { isReason } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import type { Translate, Values } from '../stores/locale.ts'
import { isMessage } from './messages.ts'
import { reasonText } from './reason-text.ts'

/** What went wrong and what to do, for a person. */
export function errorText(error: unknown, t: Translate): string {
  if (!(error instanceof RpcError)) return error instanceof Error ? error.message : String(error)
  const key = `error.${error.code}`
  if (!isMessage(key)) return error.message
  const values: Values = {
    path: '',
    reason: '',
    option: '',
    name: '',
    holder: '',
    accelerator: '',
    ...Object.fromEntries(
      Object.entries(error.details).map(([name, value]) => [
        name,
        isReason(value) ? reasonText(value, t) : String(value),
      ]),
    ),
  }
  const state = `error.state.${values['state']}`
  return t(key, isMessage(state) ? { ...values, state: t(state) } : { state: '', ...values })
}
