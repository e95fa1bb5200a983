const ascii = (text: string, length: number): number[] =>
  Array.from({ length }, (_, index) => text.charCodeAt(index) || 0x20)

/** Standard timings at 60 Hz: columns, and the aspect ratio in bits 7-6 (0 is 16:10, 1 is 4:3, 2 is 5:4, 3 is 16:9). */
const STANDARD_TIMINGS = [
  [1152, 0x40],
  [1280, 0x80],
  [1440, 0],
  [1600, 0x40],
  [1680, 0],
  [1920, 0],
  [1920, 0xc0],
  [1280, 0xc0],
] as const

/** 1280×800 at 60 Hz, 83.5 MHz, 320×200 mm: VESA DMT 1Ch. */
const PREFERRED_TIMING = [
  0x9e, 0x20, 0x00, 0x90, 0x51, 0x20, 0x1f, 0x30, 0x48, 0x80, 0x36, 0x00, 0x40, 0xc8, 0x10, 0x00, 0x00, 0x1c,
]

/** 50 to 125 Hz, 30 to 110 kHz, 260 MHz. */
const RANGE_LIMITS = [0, 0, 0, 0xfd, 0, 50, 125, 30, 110, 26, 0, 0x0a, ...ascii('', 6)]
const MONITOR_NAME = [0, 0, 0, 0xfc, 0, ...ascii('Vitrine\n', 13)]
const UNUSED_DESCRIPTOR = [0, 0, 0, 0x10, ...Array<number>(14).fill(0)]

/**
 * EDID 1.3 of the virtual monitor: 1280×800 preferred, everything up to 1920×1200 within its limits.
 * @see VESA E-EDID standard, release A
 */
export function displayIdentification(): Uint8Array {
  const edid = new Uint8Array(128)
  edid.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
  edid.set([0x59, 0x34, 1, 0, 1, 0, 0, 0, 1, 34, 1, 3], 8) // "VIT", product 1, serial 1, 2024, version 1.3
  edid.set([0x0e, 32, 20, 120, 0xea], 20) // analogue with all syncs, 32×20 cm, gamma 2.2, RGB
  edid.set([0xee, 0x95, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25) // primaries of sRGB
  edid.set([0x21, 0x08, 0], 35) // 640×480, 800×600, 1024×768 at 60 Hz
  STANDARD_TIMINGS.forEach(([columns, ratio], index) => edid.set([columns / 8 - 31, ratio], 38 + 2 * index))
  edid.set([...PREFERRED_TIMING, ...RANGE_LIMITS, ...MONITOR_NAME, ...UNUSED_DESCRIPTOR], 54)
  edid[127] = -edid.reduce((sum, byte) => sum + byte, 0) & 0xff
  return edid
}
