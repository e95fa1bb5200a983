import { useLocale } from './locale.ts'
import { useNotices } from './notices.ts'

/** How far the merging of what deleted snapshots left is, as the host tells it. */
interface MergeState {
  /** Of the file that is being merged, 0 to 1; null when all has ended. */
  part: number | null
  isHeld: boolean
}

interface Desk {
  hold(isHeld: boolean): void
  stop(): void
}

/** A merge that ends sooner is not worth a word. */
const SHORT_MS = 500

/** Shows the merging of each machine's files as a task that can be held and ended, in every window. */
export class MergeNotices {
  #shown = new Map<
    string,
    { notice: number; last: MergeState; timer: ReturnType<typeof setTimeout> | null }
  >()

  /** @param desk what the buttons ask of the host */
  tell(id: string, name: string, state: MergeState, desk: Desk): void {
    const shown = this.#shown.get(id)
    if (state.part === null) {
      if (shown?.timer) clearTimeout(shown.timer)
      if (shown) useNotices().showWork(shown.notice, null)
      this.#shown.delete(id)
    } else if (!shown) {
      const timer = setTimeout(() => this.#begin(id, name, desk), SHORT_MS)
      this.#shown.set(id, { notice: useNotices().newWork(), last: state, timer })
    } else {
      shown.last = state
      if (!shown.timer) this.#show(id, name, desk)
    }
  }

  #begin(id: string, name: string, desk: Desk): void {
    const shown = this.#shown.get(id)
    if (shown) shown.timer = null
    this.#show(id, name, desk)
  }

  #show(id: string, name: string, desk: Desk): void {
    const shown = this.#shown.get(id)
    if (!shown) return
    const { t } = useLocale()
    const { part, isHeld } = shown.last
    useNotices().showWork(shown.notice, {
      title: t(isHeld ? 'snapshots.mergeHeld' : 'snapshots.merging', { name }),
      progress: part,
      actions: [
        {
          label: t(isHeld ? 'snapshots.mergeGoOn' : 'snapshots.mergeHold'),
          run: () => desk.hold(!isHeld),
        },
        { label: t('snapshots.mergeLater'), run: () => desk.stop() },
      ],
    })
  }
}
