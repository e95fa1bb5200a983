import { onScopeDispose, watch, type Ref } from 'vue'
import { mayReachGuest, mayReachHost, type VmClipboard } from '../../engine/protocol/clipboard.ts'
import { useLocale } from '../stores/locale.ts'
import { useNotices } from '../stores/notices.ts'
import type { MachineView } from './use-view.ts'

export interface ClipboardExchange {
  /** Lays the text of this computer's clipboard out for the guest. */
  give(): Promise<void>
  /** Puts the text that the guest copied last into this computer's clipboard. */
  take(): Promise<void>
}

/**
 * Text between the clipboards of this computer and of the guest: when it is asked for, and by itself where the settings of
 * the machine say so, to the guest when it gets the keyboard, from the guest when it copies something.
 * @param captured the guest has the keyboard
 */
export function useClipboard(
  view: MachineView,
  captured: Ref<boolean>,
  settings: () => VmClipboard,
): ClipboardExchange {
  const notices = useNotices()
  const { t } = useLocale()
  /** The guest copied something while the window could not write into the clipboard. */
  let isWaiting = false
  /** What is there already is not brought again. */
  let last = ''

  async function toGuest(): Promise<void> {
    const text = await navigator.clipboard.readText()
    if (text !== '') await view.offerText(text)
  }

  /** @returns whether there was any */
  async function toHost(): Promise<boolean> {
    const text = await view.guestText()
    if (!text) return false
    if (text !== last) await navigator.clipboard.writeText(text)
    last = text
    return true
  }

  async function bring(): Promise<void> {
    const { automatic, direction } = settings()
    if (!automatic || !mayReachHost(direction)) return
    isWaiting = !document.hasFocus()
    // A clipboard that the browser or the system keeps to itself is none that the user asked about.
    if (!isWaiting) await toHost().catch(() => {})
  }

  watch(captured, (isCaptured) => {
    const { automatic, direction } = settings()
    if (isCaptured && automatic && mayReachGuest(direction)) void toGuest().catch(() => {})
  })
  watch(view.texts, () => void bring())
  const stop = new AbortController()
  window.addEventListener('focus', () => isWaiting && void bring(), { signal: stop.signal })
  onScopeDispose(() => stop.abort())

  return {
    give: async () => {
      if (await notices.attempt(t('clipboard.notGiven'), toGuest)) notices.tell(t('clipboard.given'))
    },
    take: async () => {
      last = ''
      let found = false
      const done = await notices.attempt(t('clipboard.notTaken'), async () => {
        found = await toHost()
      })
      if (done) notices.tell(t(found ? 'clipboard.taken' : 'clipboard.none'))
    },
  }
}
