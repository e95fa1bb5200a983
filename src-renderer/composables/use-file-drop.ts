import { onScopeDispose, ref, type Ref } from 'vue'

/** Takes files that are dropped anywhere on the window. @returns whether one is being dragged over it */
export function useFileDrop(take: (file: File) => Promise<void>): Ref<boolean> {
  const dragging = ref(false)
  const stop = new AbortController()
  const { signal } = stop
  let depth = 0
  const carriesFile = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false

  window.addEventListener(
    'dragenter',
    (event) => {
      if (!carriesFile(event)) return
      depth++
      dragging.value = true
    },
    { signal },
  )
  window.addEventListener(
    'dragleave',
    (event) => {
      if (carriesFile(event) && --depth <= 0) dragging.value = false
    },
    { signal },
  )
  window.addEventListener('dragover', (event) => carriesFile(event) && event.preventDefault(), { signal })
  // In the first phase, so that it ends even where a drive takes the file.
  window.addEventListener(
    'drop',
    () => {
      depth = 0
      dragging.value = false
    },
    { signal, capture: true },
  )
  window.addEventListener(
    'drop',
    (event) => {
      const file = event.dataTransfer?.files[0]
      if (!file) return
      event.preventDefault()
      void take(file)
    },
    { signal },
  )
  onScopeDispose(() => stop.abort())
  return dragging
}
