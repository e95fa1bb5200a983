import german from '../../docs/user-guide.de.md'
import english from '../../docs/user-guide.md'
import type { Locale } from '../i18n/messages.ts'

/** A chapter as the build makes it of the guide (tools/guide). */
export interface GuideChapter {
  id: string
  title: string
  html: string
}

/** The user guide in every language, which has the same chapters in each. */
export const GUIDES: Record<Locale, readonly GuideChapter[]> = { en: english, de: german }

/** Chapters of the guide, by what they are called in its English addresses; each language has them in that order. */
export const HELP_TOPICS = [
  'first-steps',
  'a-new-machine',
  'the-list',
  'the-page-of-a-machine',
  'the-window-of-a-machine',
  'activity',
  'the-log',
  'settings',
  'snapshots',
  'files-in-and-out',
  'machines-of-other-programs',
  'where-things-are',
  'by-commands',
  'what-is-not-there-yet',
] as const
export type HelpTopic = (typeof HELP_TOPICS)[number]
