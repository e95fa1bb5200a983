/**
 * What INT 16h gives for each key of a US keyboard, by scan code (set 1): plain, with Shift, Ctrl and Alt.
 * The high byte is the scan code a program sees, the low byte the character; 0 means the combination gives nothing.
 * @see IBM PS/2 and PC BIOS interface technical reference, "Keyboard scan codes"
 */
export type KeyRow = readonly [plain: number, shift: number, control: number, alt: number]

const rows = new Map<number, KeyRow>()
const letter = (code: number, character: string): void => {
  const upper = character.toUpperCase().charCodeAt(0)
  const high = code << 8
  rows.set(code, [high | character.charCodeAt(0), high | upper, high | (upper & 0x1f), high])
}
const symbol = (code: number, plain: string, shift: string, control = 0, alt = code << 8): void => {
  const high = code << 8
  rows.set(code, [high | plain.charCodeAt(0), high | shift.charCodeAt(0), control, alt])
}

Array.from('qwertyuiop').forEach((c, index) => letter(0x10 + index, c))
Array.from('asdfghjkl').forEach((c, index) => letter(0x1e + index, c))
Array.from('zxcvbnm').forEach((c, index) => letter(0x2c + index, c))
Array.from('1234567890-=').forEach((c, index) =>
  symbol(
    2 + index,
    c,
    '!@#$%^&*()_+'[index]!,
    c === '2' ? 0x0300 : c === '6' ? 0x071e : c === '-' ? 0x0c1f : 0,
    (0x78 + index) << 8,
  ),
)
symbol(0x1a, '[', '{', 0x1a1b)
symbol(0x1b, ']', '}', 0x1b1d)
symbol(0x27, ';', ':')
symbol(0x28, "'", '"')
symbol(0x29, '`', '~')
symbol(0x2b, '\\', '|', 0x2b1c)
symbol(0x33, ',', '<')
symbol(0x34, '.', '>')
symbol(0x35, '/', '?')
symbol(0x56, '\\', '|')
rows.set(0x01, [0x011b, 0x011b, 0x011b, 0x0100]) // Esc
rows.set(0x0e, [0x0e08, 0x0e08, 0x0e7f, 0x0e00]) // Backspace
rows.set(0x0f, [0x0f09, 0x0f00, 0x9400, 0xa500]) // Tab
rows.set(0x1c, [0x1c0d, 0x1c0d, 0x1c0a, 0x1c00]) // Enter
rows.set(0x39, [0x3920, 0x3920, 0x3920, 0x3920]) // space
for (let index = 0; index < 10; index++)
  rows.set(0x3b + index, [(0x3b + index) << 8, (0x54 + index) << 8, (0x5e + index) << 8, (0x68 + index) << 8])
rows.set(0x57, [0x8500, 0x8700, 0x8900, 0x8b00]) // F11
rows.set(0x58, [0x8600, 0x8800, 0x8a00, 0x8c00]) // F12
rows.set(0x37, [0x372a, 0x372a, 0x9600, 0x3700]) // keypad *
rows.set(0x4a, [0x4a2d, 0x4a2d, 0x8e00, 0x4a00])
rows.set(0x4e, [0x4e2b, 0x4e2b, 0x9000, 0x4e00])

/** Keypad: without Num Lock, the digit, with Ctrl. Alt and digits build a character. */
const KEYPAD: readonly (readonly [code: number, plain: number, digit: string, control: number])[] = [
  [0x47, 0x4700, '7', 0x7700],
  [0x48, 0x4800, '8', 0x8d00],
  [0x49, 0x4900, '9', 0x8400],
  [0x4b, 0x4b00, '4', 0x7300],
  [0x4c, 0x4c00, '5', 0x8f00],
  [0x4d, 0x4d00, '6', 0x7400],
  [0x4f, 0x4f00, '1', 0x7500],
  [0x50, 0x5000, '2', 0x9100],
  [0x51, 0x5100, '3', 0x7600],
  [0x52, 0x5200, '0', 0x9200],
  [0x53, 0x5300, '.', 0x9300],
]
for (const [code, plain, digit, control] of KEYPAD)
  rows.set(code, [plain, (code << 8) | digit.charCodeAt(0), control, 0])

export const KEY_MAP: ReadonlyMap<number, KeyRow> = rows

export const isKeypad = (code: number): boolean =>
  code >= 0x47 && code <= 0x53 && code !== 0x4a && code !== 0x4e

/** The grey keys behind an E0 prefix, which INT 16h/10h tells apart by a low byte of E0h. */
export const EXTENDED_KEYS: ReadonlyMap<number, KeyRow> = new Map<number, KeyRow>([
  [0x1c, [0xe00d, 0xe00d, 0xe00a, 0xa600]],
  [0x35, [0xe02f, 0xe02f, 0x9500, 0xa400]],
  [0x47, [0x47e0, 0x47e0, 0x77e0, 0x9700]],
  [0x48, [0x48e0, 0x48e0, 0x8de0, 0x9800]],
  [0x49, [0x49e0, 0x49e0, 0x84e0, 0x9900]],
  [0x4b, [0x4be0, 0x4be0, 0x73e0, 0x9b00]],
  [0x4d, [0x4de0, 0x4de0, 0x74e0, 0x9d00]],
  [0x4f, [0x4fe0, 0x4fe0, 0x75e0, 0x9f00]],
  [0x50, [0x50e0, 0x50e0, 0x91e0, 0xa000]],
  [0x51, [0x51e0, 0x51e0, 0x76e0, 0xa100]],
  [0x52, [0x52e0, 0x52e0, 0x92e0, 0xa200]],
  [0x53, [0x53e0, 0x53e0, 0x93e0, 0xa300]],
])
