import { defineStore } from 'pinia'
import { ref } from 'vue'
import { errorText } from '../i18n/error-text.ts'
import { useLocale } from './locale.ts'

export interface Notice {
  id: number
  title: string
  text: string
  tone: 'bad' | 'good'
  /** What a button on it does, for instance undo. */
  action: { label: string; run(): void } | null
  /** Stays until it is dismissed, for what happened while nobody may have looked. */
  stays: boolean
}

/** Short messages at the edge of the window. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  const locale = useLocale()
  let nextId = 1

  /** Something went wrong. */
  function show(title: string, text = ''): void {
    notices.value.push({ id: nextId++, title, text, tone: 'bad', action: null, stays: false })
  }

  /** Something goes wrong by itself; told again, it stands there once. */
  function warn(title: string, text: string): void {
    if (notices.value.some((notice) => notice.stays && notice.title === title && notice.text === text)) return
    notices.value.push({ id: nextId++, title, text, tone: 'bad', action: null, stays: true })
  }

  /** Something is done. */
  function tell(title: string, text = '', action: Notice['action'] = null): void {
    notices.value.push({ id: nextId++, title, text, tone: 'good', action, stays: false })
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  /** Awaits an action and shows why it failed. @returns whether it worked */
  async function attempt(title: string, action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      show(title, errorText(error, locale.t))
      return false
    }
  }

  return { notices, show, warn, tell, dismiss, attempt }
})
