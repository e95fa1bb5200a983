import { onScopeDispose, ref, type Ref } from 'vue'
import { isFolder } from '../files/folder-files.ts'

/**
 * Takes files and folders that are dropped anywhere on the window.
 * @param take gets what was dropped, and its contents when it is a folder
 * @returns whether something is being dragged over it
 */
export function useFileDrop(
  take: (file: File, folder: FileSystemDirectoryEntry | null) => Promise<void>,
): Ref<boolean> {
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
      // To be asked for now: the event's data are gone when it has been handled.
      const entry = event.dataTransfer.items[0]?.webkitGetAsEntry() ?? null
      void take(file, entry && isFolder(entry) ? entry : null)
    },
    { signal },
  )
  onScopeDispose(() => stop.abort())
  return dragging
}
