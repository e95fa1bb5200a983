/** What a key sends in scan code set 2 (E0xx for keys with the E0h prefix) and in set 3. Set 1 follows from set 2. */
export interface ScanCode {
  set2: number
  set3: number
}

/**
 * KeyboardEvent.code, set 2 and set 3, in hexadecimal. Pause and PrintScreen are here for set 3: what they send in
 * the other sets depends on the modifier keys. Zero means that the key has no code in that set.
 * @see IBM PS/2 Hardware Interface Technical Reference, "101/102-Key Keyboard"; USB HID to PS/2 Scan Code
 *   Translation Table, rev. 1a
 */
const ROWS = `
Escape 76 08
F1 05 07
F2 06 0f
F3 04 17
F4 0c 1f
F5 03 27
F6 0b 2f
F7 83 37
F8 0a 3f
F9 01 47
F10 09 4f
F11 78 56
F12 07 5e
F13 08 00
F14 10 00
F15 18 00
F16 20 00
F17 28 00
F18 30 00
F19 38 00
F20 40 00
F21 48 00
F22 50 00
F23 57 00
F24 5f 00
PrintScreen e07c 57
ScrollLock 7e 5f
Pause e177 62
Backquote 0e 0e
Digit1 16 16
Digit2 1e 1e
Digit3 26 26
Digit4 25 25
Digit5 2e 2e
Digit6 36 36
Digit7 3d 3d
Digit8 3e 3e
Digit9 46 46
Digit0 45 45
Minus 4e 4e
Equal 55 55
IntlYen 6a 5d
Backspace 66 66
Tab 0d 0d
KeyQ 15 15
KeyW 1d 1d
KeyE 24 24
KeyR 2d 2d
KeyT 2c 2c
KeyY 35 35
KeyU 3c 3c
KeyI 43 43
KeyO 44 44
KeyP 4d 4d
BracketLeft 54 54
BracketRight 5b 5b
Backslash 5d 5c
CapsLock 58 14
KeyA 1c 1c
KeyS 1b 1b
KeyD 23 23
KeyF 2b 2b
KeyG 34 34
KeyH 33 33
KeyJ 3b 3b
KeyK 42 42
KeyL 4b 4b
Semicolon 4c 4c
Quote 52 52
Enter 5a 5a
ShiftLeft 12 12
IntlBackslash 61 13
KeyZ 1a 1a
KeyX 22 22
KeyC 21 21
KeyV 2a 2a
KeyB 32 32
KeyN 31 31
KeyM 3a 3a
Comma 41 41
Period 49 49
Slash 4a 4a
IntlRo 51 51
ShiftRight 59 59
ControlLeft 14 11
MetaLeft e01f 8b
AltLeft 11 19
NonConvert 67 85
Space 29 29
Convert 64 86
KanaMode 13 87
Lang1 f2 00
Lang2 f1 00
AltRight e011 39
MetaRight e027 8c
ContextMenu e02f 8d
ControlRight e014 58
Insert e070 67
Delete e071 64
Home e06c 6e
End e069 65
PageUp e07d 6f
PageDown e07a 6d
ArrowUp e075 63
ArrowLeft e06b 61
ArrowDown e072 60
ArrowRight e074 6a
NumLock 77 76
NumpadDivide e04a 77
NumpadMultiply 7c 7e
NumpadSubtract 7b 84
NumpadAdd 79 7c
NumpadEnter e05a 79
NumpadDecimal 71 71
NumpadComma 6d 7b
NumpadEqual 0f 00
Numpad0 70 70
Numpad1 69 69
Numpad2 72 72
Numpad3 7a 7a
Numpad4 6b 6b
Numpad5 73 73
Numpad6 74 74
Numpad7 6c 6c
Numpad8 75 75
Numpad9 7d 7d
Power e037 00
Sleep e03f 00
WakeUp e05e 00
AudioVolumeMute e023 00
AudioVolumeDown e021 00
AudioVolumeUp e032 00
MediaTrackNext e04d 00
MediaTrackPrevious e015 00
MediaStop e03b 00
MediaPlayPause e034 00
MediaSelect e050 00
LaunchMail e048 00
LaunchApp1 e040 00
LaunchApp2 e02b 00
BrowserSearch e010 00
BrowserHome e03a 00
BrowserBack e038 00
BrowserForward e030 00
BrowserStop e028 00
BrowserRefresh e020 00
BrowserFavorites e018 00
`

/** Scan codes by KeyboardEvent.code. */
export const SCAN_CODES: ReadonlyMap<string, ScanCode> = new Map(
  ROWS.trim()
    .split('\n')
    .map((row) => {
      const [code, set2, set3] = row.split(' ') as [string, string, string]
      return [code, { set2: Number.parseInt(set2, 16), set3: Number.parseInt(set3, 16) }]
    }),
)

/** How a key of set 3 behaves. */
export const KEY_REPEATS = 1
export const KEY_BREAKS = 2

const codesOf = (keys: string) => keys.split(' ').map((key) => SCAN_CODES.get(key)?.set3 ?? 0)

const MAKE_ONLY =
  'ControlRight AltRight Insert Home End PageUp PageDown NumLock NumpadDivide Numpad7 Numpad4 Numpad1 Numpad8 ' +
  'Numpad5 Numpad2 Numpad0 NumpadMultiply Numpad9 Numpad6 Numpad3 NumpadEnter Escape F1 F2 F3 F4 F5 F6 F7 F8 ' +
  'F9 F10 F11 F12 PrintScreen ScrollLock Pause'
const BREAK_ONLY = 'CapsLock ShiftLeft ShiftRight ControlLeft AltLeft'

/**
 * Set 3 at power-on, by scan code: most keys repeat and send no break; those of the first list do neither, those of the
 * second only break.
 */
export const DEFAULT_KEY_TYPES: readonly number[] = (() => {
  const types = Array.from({ length: 256 }, () => KEY_REPEATS)
  for (const code of codesOf(MAKE_ONLY)) types[code] = 0
  for (const code of codesOf(BREAK_ONLY)) types[code] = KEY_BREAKS
  return types
})()
