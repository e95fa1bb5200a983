import type { snapshots as english } from '../../../../engine/protocol/reasons/snapshots.ts'

/** Von Sicherungspunkten und gesicherten Zuständen. */
export const snapshots = {
  'snapshot-memory-missing': 'sein Arbeitsspeicher ({file}) fehlt',
  'snapshot-file-missing': '{file} fehlt',
  'snapshot-own-file-missing': '{file} im Ordner der Maschine fehlt',
  'snapshot-file-changed': '{file} wurde geändert, seit sie eingefroren ist',
  'snapshot-own-file-changed': '{file} im Ordner der Maschine wurde geändert, seit sie eingefroren ist',
} as const satisfies Record<keyof typeof english, string>
