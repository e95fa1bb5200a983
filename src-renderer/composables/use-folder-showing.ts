import type { VmSummary } from '../../engine/protocol/vm.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachines } from '../stores/machines.ts'
import { useNotices } from '../stores/notices.ts'

/** @returns what shows the folder of a machine in the file manager, or where there is none tells its place */
export function useFolderShowing(): (machine: VmSummary) => Promise<void> {
  const machines = useMachines()
  const notices = useNotices()
  const { t } = useLocale()

  async function copy(path: string): Promise<void> {
    if (await notices.attempt(t('folder.notCopied'), () => navigator.clipboard.writeText(path)))
      notices.tell(t('folder.copied'))
  }

  return async ({ id, name }) => {
    await notices.attempt(t('machine.failed', { name }), async () => {
      const { path, isShown } = await machines.showFolder(id)
      if (isShown) return
      notices.report(t('folder.at', { name }), path, { label: t('folder.copy'), run: () => void copy(path) })
    })
  }
}
