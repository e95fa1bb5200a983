export interface Rect {
  x: number
  y: number
  width: number
  height: number
}

/** The picture as it stands, and which parts changed since the last update. */
export interface Frame {
  width: number
  height: number
  /** width × height pixels, RGBA bytes (alpha 255); the same array until the size changes, owned by the adapter. */
  pixels: Uint8Array
  /** Empty when nothing changed. */
  dirty: Rect[]
  /** What the monitor of the time showed: 4/3 for every legacy mode, width/height for VBE modes. */
  aspectRatio: number
}

/** A text mode's contents, for reading, copying and tests. */
export interface TextScreen {
  columns: number
  rows: number
  /** One string per row, code page 437 as Unicode, trailing blanks kept. */
  lines: string[]
  /** Cell of the cursor, or null when hidden. */
  cursor: { column: number; row: number } | null
}

export interface Display {
  /** Draws what changed. Called at most once per host frame; costs little when nothing did. */
  update(): Frame
  /** Null in graphics modes. */
  text(): TextScreen | null
}
