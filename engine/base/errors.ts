/** What can go wrong for the user of the engine, by code. The text is made where it is shown. */
export interface EngineErrorDetails {
  'bus-overlap': { wanted: string; taken: string }
  'state-invalid': { device: string; reason: string }
  'state-too-new': { device: string; found: number; supported: number }
  /** An image is not what it was when the state was saved that a machine is to go on from. */
  'medium-changed': { path: string; drive: string; reason: string }
  'file-unusable': { path: string; reason: string }
  /** An encrypted image cannot be opened without its passphrase. */
  'passphrase-missing': { path: string }
  'passphrase-wrong': { path: string }
  'option-invalid': { option: string; reason: string }
  'accelerator-unusable': { accelerator: string; reason: string }
}

/** Guest actions never throw this; only what a user or another program handed us does. */
export class EngineError<C extends keyof EngineErrorDetails = keyof EngineErrorDetails> extends Error {
  constructor(
    readonly code: C,
    readonly details: EngineErrorDetails[C],
    options?: ErrorOptions,
  ) {
    super(`${code}: ${Object.values(details).join(': ')}`, options)
    this.name = 'EngineError'
  }
}
