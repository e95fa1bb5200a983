import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, watch } from 'vue'
import type { HelpTopic } from '../help/guides.ts'

/** The guide inside the application, and which chapter of it is about what is on the screen. */
export const useHelp = defineStore('help', () => {
  const isOpen = ref(false)
  const topic = ref<HelpTopic>('first-steps')
  /** What is shown, the last on top. */
  const places = ref<{ key: symbol; topic: HelpTopic }[]>([])
  const here = computed(() => places.value.at(-1)?.topic ?? 'the-list')

  /** @param wanted the chapter about what is on the screen when absent */
  function show(wanted: HelpTopic = here.value): void {
    topic.value = wanted
    isOpen.value = true
  }

  function enter(key: symbol, of: HelpTopic): void {
    leave(key)
    places.value.push({ key, topic: of })
  }

  function leave(key: symbol): void {
    places.value = places.value.filter((place) => place.key !== key)
  }

  return { isOpen, topic, here, show, enter, leave }
})

/** Says what the guide calls this page, or dialog, for as long as it is there. @param topic null while it is not shown */
export function useHelpTopic(topic: () => HelpTopic | null): void {
  const help = useHelp()
  const key = Symbol('place')
  watch(topic, (now) => (now ? help.enter(key, now) : help.leave(key)), { immediate: true })
  onScopeDispose(() => help.leave(key))
}
