/** Bytes and where they go in guest-physical memory. */
export interface Piece {
  address: number
  bytes: Uint8Array
}

/** A kernel ready to run: what lies where, and the state it starts in. */
export interface BootPlacement {
  pieces: readonly Piece[]
  start:
    | { kind: 'real'; cs: number; ip: number; ds: number; ss: number; sp: number }
    | { kind: 'protected'; entry: number; esp: number; eax: number; ebx: number; esi: number }
}
