import type { VmSummary } from '../../engine/protocol/vm.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachines } from '../stores/machines.ts'
import { useNotices } from '../stores/notices.ts'

/**
 * Moves machines between groups of the list, and tells of it with a way back: whoever lets go in the wrong place has lost
 * where each was. @returns what puts machines into a group, or at the top of the list when that is empty
 */
export function useGrouping(): (which: readonly VmSummary[], group: string) => Promise<void> {
  const machines = useMachines()
  const notices = useNotices()
  const { t } = useLocale()

  /** Where somebody has put one meanwhile, it stays. */
  async function putBack(before: readonly VmSummary[], from: string): Promise<void> {
    const isThere = ({ id }: VmSummary): boolean =>
      machines.list.some((machine) => machine.id === id && machine.group === from)
    for (const machine of before.filter(isThere)) await machines.moveToGroup([machine], machine.group)
  }

  return async (which, group) => {
    const moved = which.filter((machine) => machine.group !== group && machine.state !== 'inaccessible')
    if (moved.length === 0) return
    await machines.moveToGroup(moved, group)
    const title =
      group === ''
        ? t('group.takenOut', { count: moved.length })
        : t('group.moved', { count: moved.length, group })
    const undo = (): void => void notices.attempt(t('group.failed'), () => putBack(moved, group))
    notices.tell(title, '', { label: t('app.undo'), run: undo })
  }
}
