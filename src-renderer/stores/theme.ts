import { defineStore } from 'pinia'
import { ref, watchEffect } from 'vue'

const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
const KEY = 'vitrine-theme'

/** Light, dark, or as the system has it; remembered in this browser. */
export const useTheme = defineStore('theme', () => {
  const stored = localStorage.getItem(KEY)
  const theme = ref<Theme>(THEMES.find((known) => known === stored) ?? 'system')
  watchEffect(() => {
    document.documentElement.dataset['theme'] = theme.value
    localStorage.setItem(KEY, theme.value)
  })
  function next(): void {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!
  }
  return { theme, next }
})
