import type { HostFault } from '../../engine/protocol/vm.ts'
import type { Translate } from '../stores/locale.ts'
import { reasonText } from './reason-text.ts'

/** What of the host failed a machine and what to do, for a person. */
export function faultText({ drive, operation, path, kind, reason }: HostFault, t: Translate): string {
  const seen = drive === null ? '' : t('fault.guest', { drive })
  return [
    t('fault.what', { path, operation, reason: reasonText(reason, t) }),
    seen,
    t('fault.advice', { kind }),
  ]
    .filter(Boolean)
    .join(' ')
}
