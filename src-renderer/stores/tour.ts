import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

export const TOUR_STEPS = ['start', 'screen', 'new'] as const
export type TourStep = (typeof TOUR_STEPS)[number]
const KEY = 'vitrine-tour'

/** Three steps for whoever is here for the first time in this browser. */
export const useTour = defineStore('tour', () => {
  const at = ref(localStorage.getItem(KEY) === null ? 0 : TOUR_STEPS.length)
  /** Null when it is over. */
  const step = computed((): TourStep | null => TOUR_STEPS[at.value] ?? null)

  function next(): void {
    at.value++
    if (step.value === null) end()
  }

  function end(): void {
    at.value = TOUR_STEPS.length
    localStorage.setItem(KEY, 'seen')
  }

  return { at, step, next, end, begin: () => void (at.value = 0) }
})
