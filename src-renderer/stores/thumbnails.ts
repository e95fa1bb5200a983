import { defineStore } from 'pinia'
import { ref } from 'vue'
import { useMachines } from './machines.ts'

const REFRESH_MS = 3000

/** Small pictures of machines' screens: of those that somebody looks at, while the page can be seen. */
export const useThumbnails = defineStore('thumbnails', () => {
  const machines = useMachines()
  /** PNG in base64, by machine. */
  const pictures = ref<Readonly<Record<string, string>>>({})
  /** How many look at each. */
  const watched = new Map<string, number>()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load(id: string): Promise<void> {
    const picture = await machines.thumbnail(id).catch(() => null)
    if (picture !== null) pictures.value = { ...pictures.value, [id]: picture }
  }

  async function refresh(): Promise<void> {
    if (!document.hidden) await Promise.all([...watched.keys()].map(load))
    timer = watched.size ? setTimeout(() => void refresh(), REFRESH_MS) : undefined
  }

  return {
    pictures,
    /** Follows the screen of a machine that runs. @returns what ends that */
    watch(id: string): () => void {
      watched.set(id, (watched.get(id) ?? 0) + 1)
      void load(id)
      timer ??= setTimeout(() => void refresh(), REFRESH_MS)
      return () => {
        const left = (watched.get(id) ?? 1) - 1
        if (left > 0) watched.set(id, left)
        else watched.delete(id)
      }
    },
    /** Shows the screen of a machine that stands still. */
    show: (id: string): void => void (pictures.value[id] === undefined && load(id)),
  }
})
