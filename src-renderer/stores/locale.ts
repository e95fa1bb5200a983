import { IntlMessageFormat } from 'intl-messageformat'
import { defineStore } from 'pinia'
import { ref, watchEffect, type App } from 'vue'
import { LOCALES, MESSAGES, type Locale, type MessageKey } from '../i18n/messages.ts'

const KEY = 'vitrine-locale'
const isLocale = (name: string): name is Locale => Object.hasOwn(LOCALES, name)

export type Values = Record<string, string | number>
export type Translate = (key: MessageKey, values?: Values) => string

/** The language of the interface: the one chosen here before, else the first of the browser's that there is. */
export const useLocale = defineStore('locale', () => {
  const wished = [localStorage.getItem(KEY), ...navigator.languages.map((tag) => tag.slice(0, 2))]
  const locale = ref<Locale>(
    (wished.find((name) => name !== null && isLocale(name)) as Locale | undefined) ?? 'en',
  )
  const formats = new Map<string, IntlMessageFormat>()

  watchEffect(() => {
    document.documentElement.lang = locale.value
  })

  function choose(name: unknown): void {
    if (typeof name !== 'string' || !isLocale(name)) return
    locale.value = name
    localStorage.setItem(KEY, name)
  }

  /** The message in the language of the interface. */
  function t(key: MessageKey, values: Values = {}): string {
    const text: string = MESSAGES[locale.value][key]
    if (!text.includes('{')) return text
    const cacheKey = `${locale.value} ${key}`
    const format = formats.get(cacheKey) ?? new IntlMessageFormat(text, locale.value)
    formats.set(cacheKey, format)
    return String(format.format(values))
  }

  return { locale, choose, t }
})

declare module 'vue' {
  interface ComponentCustomProperties {
    /** A message in the language of the interface. */
    $t: Translate
  }
}

/** Gives every template `$t`. To be installed after Pinia. */
export const messagesInTemplates = {
  install(app: App): void {
    const locale = useLocale()
    app.config.globalProperties.$t = (key, values) => locale.t(key, values)
  },
}
