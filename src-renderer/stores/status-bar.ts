import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import * as v from 'valibot'

/** What the status bar of a machine has, as it is at first. */
export const STATUS_ITEMS = ['floppy', 'disk', 'cdrom', 'accelerator', 'pace', 'input'] as const
export type StatusItem = (typeof STATUS_ITEMS)[number]

const items = v.array(v.picklist(STATUS_ITEMS))
const Stored = v.object({ order: items, hidden: items })
const KEY = 'vitrine-status-bar'

/** Which icons are in the status bar of every machine, and in which order; remembered in this browser. */
export const useStatusBar = defineStore('status-bar', () => {
  const stored = read()
  const order = ref<StatusItem[]>(stored.order)
  const hidden = ref(new Set<StatusItem>(stored.hidden))
  watch([order, hidden], () => {
    const kept: v.InferOutput<typeof Stored> = { order: order.value, hidden: [...hidden.value] }
    localStorage.setItem(KEY, JSON.stringify(kept))
  })
  const shown = computed(() => order.value.filter((item) => !hidden.value.has(item)))

  function show(item: StatusItem, isShown: boolean): void {
    const next = new Set(hidden.value)
    if (isShown) next.delete(item)
    else next.add(item)
    hidden.value = next
  }

  /** @param place among all of them, from 0 */
  function move(item: StatusItem, place: number): void {
    const others = order.value.filter((other) => other !== item)
    order.value = others.toSpliced(Math.max(0, place), 0, item)
  }

  function reset(): void {
    order.value = [...STATUS_ITEMS]
    hidden.value = new Set()
  }

  return { order, shown, show, move, reset }
})

/** What is missing, or comes twice, is as if nothing had been kept of it. */
function read(): v.InferOutput<typeof Stored> {
  const usual = { order: [...STATUS_ITEMS], hidden: [] }
  try {
    const stored = v.safeParse(Stored, JSON.parse(localStorage.getItem(KEY) ?? 'null'))
    if (!stored.success) return usual
    return { ...stored.output, order: [...new Set([...stored.output.order, ...STATUS_ITEMS])] }
  } catch {
    return usual // somebody else's words under our name
  }
}
