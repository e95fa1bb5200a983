import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import * as v from 'valibot'
import { keyByName } from '../../engine/protocol/keyboard.ts'

/** How text is typed into a guest. */
const Typing = v.object({
  charactersPerSecond: v.pipe(v.number(), v.minValue(1), v.maxValue(200)),
})
type Typing = v.InferOutput<typeof Typing>

/** Keys pressed together, as the user wrote them. */
const Combination = v.object({ label: v.string(), codes: v.pipe(v.array(v.string()), v.minLength(1)) })
export type Combination = v.InferOutput<typeof Combination>

/** Keys that can be the host key: those that a guest seldom misses. */
export const HOST_KEYS = [
  'ControlRight',
  'AltRight',
  'MetaLeft',
  'MetaRight',
  'ScrollLock',
  'Pause',
  'F12',
] as const
export type HostKey = (typeof HOST_KEYS)[number]

/** Keyboards of Macs have no Ctrl key on the right. */
export const usualHostKey = (platform: string): HostKey =>
  platform.startsWith('Mac') ? 'MetaLeft' : 'ControlRight'

const Habits = v.object({
  typing: Typing,
  combinations: v.array(Combination),
  /** Absent where nobody has chosen one. */
  hostKey: v.optional(v.picklist(HOST_KEYS)),
})
const KEY = 'vitrine-input'
const MOST_KEYS = 6

/** How this user types, remembered in this browser. */
export const useInputHabits = defineStore('input-habits', () => {
  const stored = read()
  const typing = ref<Typing>(stored.typing)
  const combinations = ref<Combination[]>(stored.combinations)
  /** Alone it gives keyboard and mouse back; held, it makes combinations for this window. */
  const hostKey = ref<HostKey>(stored.hostKey ?? usualHostKey(navigator.platform))
  watch(
    [typing, combinations, hostKey],
    () => {
      const habits: v.InferOutput<typeof Habits> = {
        typing: typing.value,
        combinations: combinations.value,
        hostKey: hostKey.value,
      }
      localStorage.setItem(KEY, JSON.stringify(habits))
    },
    { deep: true },
  )
  function add(combination: Combination): void {
    remove(combination.label)
    combinations.value.push(combination)
  }
  function remove(label: string): void {
    combinations.value = combinations.value.filter((known) => known.label !== label)
  }
  return { typing, combinations, hostKey, add, remove }
})

function read(): v.InferOutput<typeof Habits> {
  const usual: v.InferOutput<typeof Habits> = {
    typing: { charactersPerSecond: 20 },
    combinations: [],
  }
  try {
    const stored = v.safeParse(Habits, JSON.parse(localStorage.getItem(KEY) ?? 'null'))
    return stored.success ? stored.output : usual
  } catch {
    return usual // somebody else's words under our name
  }
}

/** Keys written as Ctrl+Alt+F2; null when one of them is none. */
export function combinationOf(text: string): Combination | null {
  const names = text.split('+').map((name) => name.trim())
  const codes = names.map(keyByName)
  const known = codes.filter((code) => code !== null)
  if (known.length !== names.length || known.length > MOST_KEYS) return null
  return { label: names.map((name) => name[0]!.toUpperCase() + name.slice(1)).join('+'), codes: known }
}
