/**
 * EDID 1.3 of the virtual monitor: 1024×768 preferred, everything up to 1920×1200 within its limits.
 * @see VESA E-EDID standard, release A
 */
export function displayIdentification(): Uint8Array {
  const edid = new Uint8Array(128)
  edid.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
  edid.set([0x59, 0x34, 1, 0, 1, 0, 0, 0, 1, 34, 1, 3], 8) // "VIT", product 1, serial 1, 2024, version 1.3
  edid.set([0x0e, 32, 24, 120, 0xea], 20) // analogue with all syncs, 32×24 cm, gamma 2.2
  edid.set([0xee, 0x95, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25) // sRGB-like primaries
  edid.set([0x21, 0x08, 0], 35) // 640×480, 800×600, 1024×768 at 60 Hz
  const standard = [
    [1280, 0x80],
    [1600, 0x40],
    [1152, 0x40],
    [1440, 0],
    [1680, 0],
    [1920, 0],
  ] as const
  edid.fill(1, 38, 54)
  standard.forEach(([width, ratio], index) => edid.set([width / 8 - 31, ratio], 38 + 2 * index))
  // 1024×768 at 60 Hz, 65 MHz
  edid.set(
    [
      0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x40, 0xf0, 0x10, 0x00, 0x00,
      0x18,
    ],
    54,
  )
  edid.set([0, 0, 0, 0xfd, 0, 50, 125, 30, 110, 26, 0, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20], 72)
  edid.set(
    [0, 0, 0, 0xfc, 0, ...Array.from('Vitrine\n', (c) => c.charCodeAt(0)), 0x20, 0x20, 0x20, 0x20, 0x20],
    90,
  )
  edid.set([0, 0, 0, 0x10], 108)
  edid[127] = -edid.reduce((sum, byte) => sum + byte, 0) & 0xff
  return edid
}
