import type { media as english } from '../../../../engine/protocol/reasons/media.ts'

/** Was an Disketten, CDs und Platten nicht stimmt. */
export const media = {
  'floppy-too-large': 'ihre {bytes} Bytes passen auf keine Diskette; öffnen Sie sie als Festplatte oder CD',
  'floppy-size':
    '{bytes} Bytes hat keine bekannte Diskette; sie ist abgeschnitten, oder es fehlen Nullen am Ende (die nächste Größe ist {next} Bytes)',
  'disc-size':
    'ihre Größe von {bytes} Bytes ist kein Vielfaches von 2048; sie ist abgeschnitten oder kein CD-Abbild',
  'disc-truncated':
    'sie ist abgeschnitten: {bytes} Bytes der {whole}, die ihr Dateisystem hat; laden Sie sie noch einmal',
  'no-file-system': 'es ist kein lesbares Dateisystem darin (lesbar sind FAT, ISO 9660 und ext2 bis ext4)',
} as const satisfies Record<keyof typeof english, string>
