import { because, technicalOf, worded, type Reason } from '../protocol/reasons.ts'

/** What can go wrong for the user of the engine, by code. The text is made where it is shown. */
export interface EngineErrorDetails {
  'bus-overlap': { wanted: string; taken: string }
  'state-invalid': { device: string; reason: Reason }
  'state-too-new': { device: string; found: number; supported: number }
  /** An image is not what it was when the state was saved that a machine is to go on from. */
  'medium-changed': { path: string; drive: string; reason: Reason }
  'file-unusable': { path: string; reason: Reason }
  /** An encrypted image cannot be opened without its passphrase. */
  'passphrase-missing': { path: string }
  'passphrase-wrong': { path: string }
  'option-invalid': { option: string; reason: Reason }
  'accelerator-unusable': { accelerator: string; reason: Reason }
}

/** Guest actions never throw this; only what a user or another program handed us does. */
export class EngineError<C extends keyof EngineErrorDetails = keyof EngineErrorDetails> extends Error {
  constructor(
    readonly code: C,
    readonly details: EngineErrorDetails[C],
    options?: ErrorOptions,
  ) {
    super(`${code}: ${Object.values(details).map(worded).join(': ')}`, options)
    this.name = 'EngineError'
  }
}

/** Why something failed, from what was thrown. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof EngineError)) return technicalOf(error)
  const details: { path?: string; device?: string; reason?: Reason } = error.details
  const { path, device, reason } = details
  if (!reason) return technicalOf(error)
  if (path !== undefined) return because('of-file', { path, reason })
  return device === undefined ? reason : because('of-device', { device, reason })
}
