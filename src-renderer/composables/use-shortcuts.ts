import { onBeforeUnmount, onMounted } from 'vue'

/** What keys of the manager do, with Ctrl, or Command on a Mac: VirtualBox's, which people know. */
const SHORTCUTS = {
  KeyN: 'new',
  KeyI: 'import',
  KeyD: 'media',
  KeyF: 'search',
  KeyS: 'settings',
  KeyO: 'clone',
  KeyE: 'export',
} as const
export type Shortcut = (typeof SHORTCUTS)[keyof typeof SHORTCUTS] | 'help'

/**
 * Listens for the keys of the manager. A machine that has the keyboard and a console take theirs before, and a dialog is
 * answered first; help is there in all of them.
 */
export function useShortcuts(act: (shortcut: Shortcut) => void): void {
  function onKey(event: KeyboardEvent): void {
    const shortcut = shortcutOf(event)
    if (!shortcut || event.defaultPrevented) return
    if (shortcut !== 'help' && document.querySelector('[role=dialog], [role=alertdialog]')) return
    event.preventDefault()
    act(shortcut)
  }
  onMounted(() => window.addEventListener('keydown', onKey))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}

function shortcutOf({ code, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): Shortcut | null {
  if (code === 'F1') return 'help'
  if (ctrlKey === metaKey || altKey || shiftKey) return null
  return Object.hasOwn(SHORTCUTS, code) ? SHORTCUTS[code as keyof typeof SHORTCUTS] : null
}
