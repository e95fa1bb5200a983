import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { VmSummary } from '../../engine/protocol/vm.ts'
import { useMachines } from './machines.ts'

/** Pictures that users gave machines, each asked for once and again when it has changed. */
export const usePictures = defineStore('pictures', () => {
  const machines = useMachines()
  const known = ref<Readonly<Record<string, { stamp: string; png: string | null }>>>({})

  async function load({ id, picture: stamp }: VmSummary): Promise<void> {
    if (stamp === null || known.value[id]?.stamp === stamp) return
    // The one before stays to be seen until this one has come.
    const before = known.value[id]?.png ?? null
    known.value = { ...known.value, [id]: { stamp, png: before } }
    const png = await machines.picture(id).catch(() => null)
    if (known.value[id]?.stamp === stamp) known.value = { ...known.value, [id]: { stamp, png } }
  }

  return {
    load,
    /** PNG in base64; null while there is none. */
    of: ({ id, picture }: VmSummary): string | null =>
      picture === null ? null : (known.value[id]?.png ?? null),
  }
})
