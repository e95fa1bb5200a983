import { ref, type Ref } from 'vue'
import * as v from 'valibot'

const Stored = v.array(v.string())
/** The oldest go when there are more. */
const MOST = 500

/** Marks that are kept in this browser under a name. */
export function useBookmarks(name: string): { marks: Ref<ReadonlySet<string>>; toggle(mark: string): void } {
  const key = `vitrine-marks-${name}`
  const marks = ref<ReadonlySet<string>>(new Set(read(key)))
  return {
    marks,
    toggle(mark) {
      const next = new Set(marks.value)
      if (!next.delete(mark)) next.add(mark)
      marks.value = next
      localStorage.setItem(key, JSON.stringify([...next].slice(-MOST)))
    },
  }
}

function read(key: string): string[] {
  try {
    const stored = v.safeParse(Stored, JSON.parse(localStorage.getItem(key) ?? '[]'))
    return stored.success ? stored.output : []
  } catch {
    return [] // somebody else's words under our name
  }
}
