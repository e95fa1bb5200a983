import type { images as english } from '../../../../engine/protocol/reasons/images.ts'

/** Von Plattenabbildern: ihren Formaten, worauf sie bauen, und wie sie entstehen. */
export const images = {
  'role-image': 'Abbild',
  'role-backing-file': 'Abbild darunter',
  'role-extent': 'Teilabbild',
  'role-track-file': 'Abbild mit den Spuren',
  'role-sector-file': 'Abbild mit den Sektoren',
  'child-name-damaged': 'der Name ist beschädigt ({role})',
  'child-address': 'das {role} {name} ist keine Datei, sondern eine Adresse; Adressen werden nie geöffnet',
  'child-outside':
    'das {role} {name} liegt nicht in ihrem Ordner; geben Sie {path} an, damit es gelesen wird',
  'child-missing': 'das {role} {name} fehlt: {path} gibt es nicht',
  'child-link-outside':
    'das {role} {name} ist ein Verweis aus ihrem Ordner auf {target}; geben Sie {path} an, damit es gelesen wird',
} as const satisfies Record<keyof typeof english, string>
