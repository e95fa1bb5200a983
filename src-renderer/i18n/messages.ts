import { app as appDe } from './de/app.ts'
import { files as filesDe } from './de/files.ts'
import { machine as machineDe } from './de/machine.ts'
import { media as mediaDe } from './de/media.ts'
import { reasons as reasonsDe } from './de/reasons.ts'
import { settings as settingsDe } from './de/settings.ts'
import { shelf as shelfDe } from './de/shelf.ts'
import { snapshots as snapshotsDe } from './de/snapshots.ts'
import { app } from './en/app.ts'
import { files } from './en/files.ts'
import { machine } from './en/machine.ts'
import { media } from './en/media.ts'
import { reasons } from './en/reasons.ts'
import { settings } from './en/settings.ts'
import { shelf } from './en/shelf.ts'
import { snapshots } from './en/snapshots.ts'

const en = {
  ...app,
  ...files,
  ...machine,
  ...media,
  ...reasons,
  ...settings,
  ...shelf,
  ...snapshots,
} as const
export type MessageKey = keyof typeof en

/** Whether the catalogues have words for it. */
export const isMessage = (key: string): key is MessageKey => Object.hasOwn(en, key)

/** Every language has every message; the compiler sees to that. */
export const MESSAGES = {
  en,
  de: {
    ...appDe,
    ...filesDe,
    ...machineDe,
    ...mediaDe,
    ...reasonsDe,
    ...settingsDe,
    ...shelfDe,
    ...snapshotsDe,
  },
} as const satisfies Record<string, Record<MessageKey, string>>
export type Locale = keyof typeof MESSAGES
export const LOCALES: Record<Locale, string> = { en: 'English', de: 'Deutsch' }
