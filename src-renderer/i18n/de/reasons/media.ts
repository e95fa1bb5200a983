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
  'disc-too-large': 'sie ist größer als 128 GiB, das Höchste, was eine CD haben kann',
  'sector-missing': 'den Sektor {sector} gibt es nicht',
  'disc-read-only': 'eine CD lässt sich nur lesen',
  'floppy-archive-too-large': 'sie ist größer, als ein Archiv einer Diskette sein kann',
  'floppy-sector-size':
    'sie hat Sektoren von {bytes} Bytes; nur Disketten mit Sektoren von 512 sind benutzbar',
  'floppy-format-unknown':
    '{tracks} Spuren auf {heads} Seiten mit {sectors} Sektoren hat keine bekannte Diskette',
  'floppy-sector-unreadable': 'Sektor {sector} war auf der Diskette nicht lesbar',
  'copyqm-damaged': 'ihr CopyQM-Kopf ist beschädigt',
  'teledisk-old': 'sie ist von einem Teledisk vor 2.0 gepackt, und das ist unbekannt',
  'floppy-too-many-sectors': 'sie hat mehr Sektoren als eine Diskette',
  'floppy-too-many-sectors-held': 'sie hat mehr Sektoren, als eine Diskette fasst',
  'f86-compressed': 'sie ist ein gepacktes 86F-Abbild; sichern Sie es in 86Box ungepackt',
  'f86-version': 'sie ist 86F der Version {major}.{minor}; bekannt ist nur 2.12',
  'f86-zones': 'ihre Spuren haben Zonen, wie sie keine Diskette eines PCs hat',
  'f86-no-mfm': 'sie hat keine Sektoren in MFM',
  'packed-file': 'sie ist eine Datei des Formats {format} und kein Abbild; packen Sie sie erst aus',
  'foreign-format':
    'sie ist ein Abbild des Formats {format} und keine rohen Sektoren; wandeln Sie sie mit vitrine media convert um',
  'review-no-folder': 'es ist nicht aus einem Ordner entstanden',
  'review-not-begun': 'seine Änderungen sind noch nicht angesehen worden',
  'review-unchanged': 'es hat sich nicht geändert',
} as const satisfies Record<keyof typeof english, string>
