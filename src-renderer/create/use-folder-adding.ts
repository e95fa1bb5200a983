import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import type { FolderReport } from '../../engine/protocol/machine-folder.ts'
import { chosenFolder, droppedFolder } from '../files/folder-files.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachineFolders, type MachineFolder } from '../stores/machine-folders.ts'
import { useNotices } from '../stores/notices.ts'
import { transport } from '../transport/index.ts'

export interface FolderAdding {
  /** Whether the dialog is open. */
  readonly open: Ref<boolean>
  /** A folder with a machine in it, and what it is; null before there was one. */
  readonly found: ShallowRef<{ from: MachineFolder; report: FolderReport } | null>
  take(file: File, folder: FileSystemDirectoryEntry): Promise<void>
  choose(): Promise<void>
}

/** Takes in folders of machines that the user gives. One that cannot be used is told of, with the reason. */
export function useFolderAdding(): FolderAdding {
  const folders = useMachineFolders()
  const notices = useNotices()
  const { t } = useLocale()
  const open = ref(false)
  const found = shallowRef<FolderAdding['found']['value']>(null)

  async function look(give: () => Promise<MachineFolder | null>): Promise<void> {
    await notices.attempt(t('add.failed'), async () => {
      const from = await give()
      if (!from) return
      found.value = { from, report: await folders.plan(from) }
      open.value = true
    })
  }

  const { placeOf } = transport
  async function byPlace(file: File | null): Promise<MachineFolder | null> {
    const folder = placeOf && (await placeOf(file))
    return folder === null ? null : { by: 'place', folder }
  }

  return {
    open,
    found,
    take: (file, folder) =>
      look(async () => (placeOf ? byPlace(file) : folders.ofContents(await droppedFolder(folder)))),
    choose: () =>
      look(async () => {
        if (placeOf) return byPlace(null)
        const chosen = chosenFolder(await askForFolder())
        return chosen && folders.ofContents(chosen)
      }),
  }
}

/** The browser's own dialog for a folder; null when it is dismissed. */
function askForFolder(): Promise<FileList | null> {
  const input = document.createElement('input')
  input.type = 'file'
  input.webkitdirectory = true
  return new Promise((resolve) => {
    input.addEventListener('change', () => resolve(input.files))
    input.addEventListener('cancel', () => resolve(null))
    input.click()
  })
}
