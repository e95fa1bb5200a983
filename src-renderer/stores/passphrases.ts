import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

/** What the passphrase is wanted for: to start the machine, or to look into the disk. */
export type PassphrasePurpose = 'start' | 'open'

/** Asks for the passphrase of an encrypted disk. What is answered goes to who asked, and is kept nowhere. */
export const usePassphrases = defineStore('passphrases', () => {
  /** The file whose passphrase is wanted; null while none is. */
  const path = ref<string | null>(null)
  /** The last answer was not the right one. */
  const isWrong = ref(false)
  const purpose = ref<PassphrasePurpose>('start')
  const waiting = shallowRef<((secret: string | null) => void) | null>(null)

  /** @returns null when the user would rather not */
  function ask(file: string, wasWrong: boolean, wanted: PassphrasePurpose = 'start'): Promise<string | null> {
    answer(null)
    purpose.value = wanted
    path.value = file
    isWrong.value = wasWrong
    return new Promise((resolve) => (waiting.value = resolve))
  }

  function answer(secret: string | null): void {
    const resolve = waiting.value
    waiting.value = null
    path.value = null
    resolve?.(secret)
  }

  return { path, isWrong, purpose, ask, answer }
})
