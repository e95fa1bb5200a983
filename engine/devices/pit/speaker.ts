/** What the speaker's cone is driven with from some time on, until the next signal. Times are guest ns. */
export type SpeakerSignal =
  | { kind: 'level'; high: boolean }
  /** `high` until `changesAtNs`, the opposite from then on. */
  | { kind: 'step'; high: boolean; changesAtNs: number }
  /** Repeating: high for `highNs` from `startNs` on, then low for `lowNs`. `startNs` may lie in the past. */
  | { kind: 'square'; frequencyHz: number; startNs: number; highNs: number; lowNs: number }

/** An audio back end. Called as often as a guest writes, so it must be cheap and keep a bounded queue. */
export interface SpeakerSink {
  signal(atNs: number, signal: SpeakerSignal): void
}

const SILENCE: SpeakerSignal = { kind: 'level', high: false }

/** The gate between OUT2 of the timer and the loudspeaker: both must be high. */
export class Speaker {
  #enabled = false
  #out2: SpeakerSignal = SILENCE

  constructor(private readonly sink: SpeakerSink | null = null) {}

  /** What it plays now. */
  get signal(): SpeakerSignal {
    return this.#enabled ? this.#out2 : SILENCE
  }

  /** Port 61h bit 1. */
  enable(enabled: boolean, atNs: number): void {
    if (enabled === this.#enabled) return
    this.#enabled = enabled
    this.sink?.signal(atNs, this.signal)
  }

  /** What OUT2 does from now on. */
  drive(out2: SpeakerSignal, atNs: number): void {
    this.#out2 = out2
    if (this.#enabled) this.sink?.signal(atNs, out2)
  }
}
