/** Key presses on a US keyboard, in KeyboardEvent.code names. */
export interface Keystroke {
  code: string
  shift: boolean
}

const PLAIN: Record<string, string> = {
  ' ': 'Space',
  '\n': 'Enter',
  '\r': 'Enter',
  '\t': 'Tab',
  '\b': 'Backspace',
  '\x1b': 'Escape',
  '-': 'Minus',
  '=': 'Equal',
  '[': 'BracketLeft',
  ']': 'BracketRight',
  '\\': 'Backslash',
  ';': 'Semicolon',
  "'": 'Quote',
  '`': 'Backquote',
  ',': 'Comma',
  '.': 'Period',
  '/': 'Slash',
}
const SHIFTED: Record<string, string> = {
  _: 'Minus',
  '+': 'Equal',
  '{': 'BracketLeft',
  '}': 'BracketRight',
  '|': 'Backslash',
  ':': 'Semicolon',
  '"': 'Quote',
  '~': 'Backquote',
  '<': 'Comma',
  '>': 'Period',
  '?': 'Slash',
  '!': 'Digit1',
  '@': 'Digit2',
  '#': 'Digit3',
  $: 'Digit4',
  '%': 'Digit5',
  '^': 'Digit6',
  '&': 'Digit7',
  '*': 'Digit8',
  '(': 'Digit9',
  ')': 'Digit0',
}

/** The key that types a character on a US keyboard, or null when none does. */
export function keystrokeFor(character: string): Keystroke | null {
  if (/^[a-z]$/.test(character)) return { code: `Key${character.toUpperCase()}`, shift: false }
  if (/^[A-Z]$/.test(character)) return { code: `Key${character}`, shift: true }
  if (/^[0-9]$/.test(character)) return { code: `Digit${character}`, shift: false }
  if (Object.hasOwn(PLAIN, character)) return { code: PLAIN[character]!, shift: false }
  if (Object.hasOwn(SHIFTED, character)) return { code: SHIFTED[character]!, shift: true }
  return null
}

const NAMES: Record<string, string> = {
  ctrl: 'ControlLeft',
  control: 'ControlLeft',
  shift: 'ShiftLeft',
  alt: 'AltLeft',
  altgr: 'AltRight',
  meta: 'MetaLeft',
  win: 'MetaLeft',
  menu: 'ContextMenu',
  esc: 'Escape',
  return: 'Enter',
  del: 'Delete',
  ins: 'Insert',
  pgup: 'PageUp',
  pgdn: 'PageDown',
  up: 'ArrowUp',
  down: 'ArrowDown',
  left: 'ArrowLeft',
  right: 'ArrowRight',
  break: 'Pause',
  print: 'PrintScreen',
}

/** Every key that a guest's keyboard has, as KeyboardEvent.code. */
export const KEY_CODES: readonly string[] = [
  ...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ', (letter) => `Key${letter}`),
  ...Array.from({ length: 10 }, (_, digit) => [`Digit${digit}`, `Numpad${digit}`]).flat(),
  ...Array.from({ length: 24 }, (_, index) => `F${index + 1}`),
  ...Object.values(PLAIN),
  ...['Control', 'Shift', 'Alt', 'Meta'].flatMap((name) => [`${name}Left`, `${name}Right`]),
  'ArrowUp',
  'ArrowDown',
  'ArrowLeft',
  'ArrowRight',
  'Home',
  'End',
  'PageUp',
  'PageDown',
  'Insert',
  'Delete',
  'CapsLock',
  'NumLock',
  'ScrollLock',
  'PrintScreen',
  'Pause',
  'ContextMenu',
  'IntlBackslash',
  'IntlRo',
  'IntlYen',
  'NumpadAdd',
  'NumpadSubtract',
  'NumpadMultiply',
  'NumpadDivide',
  'NumpadDecimal',
  'NumpadEnter',
  'NumpadComma',
]

/** A key by a KeyboardEvent.code in any case, a character, or a usual short name; null when unknown. */
export function keyByName(name: string): string | null {
  const lower = name.toLowerCase()
  const known = KEY_CODES.find((code) => code.toLowerCase() === lower)
  if (known) return known
  if (Object.hasOwn(NAMES, lower)) return NAMES[lower]!
  const stroke = name.length === 1 ? keystrokeFor(lower) : null
  return stroke && !stroke.shift ? stroke.code : null
}
