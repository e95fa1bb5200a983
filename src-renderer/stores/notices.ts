import { defineStore } from 'pinia'
import { ref } from 'vue'
import { errorText } from '../i18n/error-text.ts'

export interface Notice {
  id: number
  title: string
  text: string
}

/** Short messages at the edge of the window. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  let nextId = 1

  function show(title: string, text = ''): void {
    notices.value.push({ id: nextId++, title, text })
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
      show(title, errorText(error))
      return false
    }
  }

  return { notices, show, dismiss, attempt }
})
