import { ref, type Ref } from 'vue'
import type { ImagePurpose } from '../../engine/protocol/desktop-bridge.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachines } from '../stores/machines.ts'
import { useNotices } from '../stores/notices.ts'
import { transport } from '../transport/index.ts'

export interface ImageShelf {
  /** What can be put into drives. */
  readonly images: Ref<ImageChoice[]>
  load(): Promise<void>
  /** Lets the user give an image: by the system's dialog, or as an upload. Null when there is none; a failure is shown. */
  choose(purpose?: ImagePurpose): Promise<ImageChoice | null>
  /** Takes in a file that was dropped. */
  take(file: File): Promise<ImageChoice | null>
  /** What a file of a machine is called: the name of its image, or the last part of its path. */
  nameOf(path: string): string
}

/** The images that the host has for this window. */
export function useImages(): ImageShelf {
  const machines = useMachines()
  const notices = useNotices()
  const locale = useLocale()
  const images = ref<ImageChoice[]>([])

  async function load(): Promise<void> {
    images.value = await machines.images().catch(() => [])
  }

  async function take(file: File | null, purpose: ImagePurpose = 'image'): Promise<ImageChoice | null> {
    const title =
      file && transport.imagesBy === 'upload' ? locale.t('drive.uploading', { name: file.name }) : null
    const failure = locale.t('drive.notUsed')
    if (title !== null)
      return note(
        await notices.carryOut(title, failure, (task) => transport.chooseImage(file, task)),
        purpose,
      )
    let chosen: ImageChoice | null = null
    await notices.attempt(failure, async () => {
      chosen = await transport.chooseImage(file, undefined, purpose)
    })
    return note(chosen, purpose)
  }

  /** A configuration is no medium to choose from. */
  function note(chosen: ImageChoice | null, purpose: ImagePurpose): ImageChoice | null {
    if (chosen && purpose === 'image')
      images.value = [...images.value.filter(({ id }) => id !== chosen.id), chosen]
    return chosen
  }

  async function choose(purpose: ImagePurpose = 'image'): Promise<ImageChoice | null> {
    if (transport.imagesBy === 'dialog') return take(null, purpose)
    const file = await askForFile()
    return file && take(file, purpose)
  }

  return {
    images,
    load,
    choose,
    take: (file) => take(file),
    nameOf: (path) => images.value.find(({ id }) => id === path)?.name ?? path.split(/[\\/]/).at(-1) ?? path,
  }
}

/** The browser's own dialog for a file; null when it is dismissed. */
function askForFile(): Promise<File | null> {
  const input = document.createElement('input')
  input.type = 'file'
  return new Promise((resolve) => {
    input.addEventListener('change', () => resolve(input.files?.[0] ?? null))
    input.addEventListener('cancel', () => resolve(null))
    input.click()
  })
}
