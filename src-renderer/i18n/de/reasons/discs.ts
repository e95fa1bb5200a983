import type { discs as english } from '../../../../engine/protocol/reasons/discs.ts'

/** Von CDs mit Spuren. */
export const discs = {
  'cue-line': 'Zeile {line}: {detail}',
  'wave-unusable': '{path} lässt sich nicht als WAVE lesen: {detail}',
  'disc-descriptor-damaged': 'ihre Beschreibung ist beschädigt: {detail}',
  'cue-too-large': 'ihre {bytes} Bytes sind zu viel für ein Cue-Sheet',
  'mds-too-large': 'ihre {bytes} Bytes sind zu viel für eine MDS-Beschreibung',
  'disc-too-long': 'sie ist länger, als eine CD sein kann',
  'track-ends-early': 'Spur {track} endet, bevor sie beginnt',
  'track-file-cut-short': '{name} ist abgeschnitten: Spur {track} ist nicht ganz da',
  'track-not-whole': 'Spur {track} ist nicht ganz da',
  'track-empty': 'Spur {track} ist leer',
  'disc-no-track': 'sie hat keine Spur',
  'track-no-index': 'Spur {track} hat keinen Index 1',
  'mds-version': 'sie ist eine MDS-Beschreibung der Version {version}; bekannt ist nur 1',
  'mds-dvd': 'sie beschreibt eine DVD; nehmen Sie deren Abbild, wie es ist',
  'track-mode-unknown': 'Spur {track} ist von unbekannter Art',
  'track-sector-size': 'Spur {track} hat Sektoren von {bytes} Bytes',
  'chd-codec': 'sie ist mit {codec} gepackt, und das ist nicht lesbar; lesbar sind {known}',
  'chd-no-cd': 'sie ist ein CHD, aber keiner CD',
  'chd-too-many-parents': 'sie baut auf mehr als {most} anderen auf',
  'chd-parent-missing': 'sie baut auf einem anderen CHD auf (SHA-1 {sha1}), das nicht neben ihr liegt',
  'chd-version': 'sie ist CHD der Version {version}; lesbar ist nur 5 (chdman copy macht sie)',
  'chd-gd-rom': 'sie ist eine GD-ROM, die kein PC liest',
  'chd-track-type': 'Spuren der Art {type} sind nicht lesbar',
  'chd-parent-unknown':
    'sie baut auf einem anderen CHD auf und sagt nicht, auf welchem; chdman copy macht sie ganz',
} as const satisfies Record<keyof typeof english, string>
