import type { FrameSource } from '../transport/index.ts'

export type ToDisplayWorker =
  | { kind: 'show'; canvas: OffscreenCanvas; source: FrameSource }
  /** Asks for the picture as it is drawn. */
  | { kind: 'snapshot' }

export type FromDisplayWorker =
  /** The picture has this size now, and this ratio of width to height on the monitor. */
  | { kind: 'size'; width: number; height: number; aspectRatio: number }
  /** Drawn up to here; only told where frames come by a stream, which takes no answer. */
  | { kind: 'drawn'; sequence: number }
  | { kind: 'picture'; picture: Blob }
