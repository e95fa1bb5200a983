import { expect, it } from 'vitest'
import { textOfGuest } from './clipboard.ts'

it.each([
  ['UTF-8', [0x47, 0x72, 0xc3, 0xbc, 0xc3, 0x9f, 0x65], 'Grüße'],
  ['what Windows 95 writes', [0x47, 0x72, 0xfc, 0xdf, 0x65, 0x80], 'Grüße€'],
  ['lines as DOS has them', [0x61, 0x0d, 0x0a, 0x09, 0x62], 'a\r\n\tb'],
  ['what stands before a zero', [0x61, 0, 0x62], 'a'],
  ['nothing that drives a terminal', [0x61, 0x1b, 0x5b, 0x32, 0x4a, 0x07, 0x7f, 0xc2, 0x9b, 0x62], 'a[2Jb'],
  ['nothing', [], ''],
])('takes from a guest %s', (_, bytes, text) => expect(textOfGuest(Uint8Array.from(bytes))).toBe(text))
