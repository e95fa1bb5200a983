import { defineStore } from 'pinia'
import { ref } from 'vue'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import { errorText } from '../i18n/error-text.ts'
import { useLocale } from './locale.ts'

export interface Notice {
  id: number
  title: string
  text: string
  /**
   * A `task` stays until it is done; a `fault`, and what came of a task (`result`), until it is dismissed: nobody may
   * have looked when it happened.
   */
  tone: 'bad' | 'good' | 'fault' | 'task' | 'result'
  /** How much of a task is done, 0 to 1; null when that cannot be told. */
  progress: number | null
  /** What buttons on it do, for instance undo. */
  actions: readonly NoticeAction[]
}

interface NoticeAction {
  label: string
  run(): void
}

/** A task that ends sooner is not worth a word. */
const SHORT_MS = 500

/** Short messages at the edge of the window. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  const locale = useLocale()
  let nextId = 1

  /** Something went wrong. */
  function show(title: string, text = ''): void {
    notices.value.push({ id: nextId++, title, text, tone: 'bad', progress: null, actions: [] })
  }

  /** Something goes wrong by itself; told again, it stands there once. */
  function warn(title: string, text: string): void {
    const told = (notice: Notice) => notice.tone === 'fault' && notice.title === title && notice.text === text
    if (!notices.value.some(told))
      notices.value.push({ id: nextId++, title, text, tone: 'fault', progress: null, actions: [] })
  }

  /** Something is done. */
  function tell(title: string, text = '', action: NoticeAction | null = null): void {
    const actions = action ? [action] : []
    notices.value.push({ id: nextId++, title, text, tone: 'good', progress: null, actions })
  }

  /** Something that took long is done, or what was asked for is read from here. */
  function report(title: string, text: string, action: NoticeAction | null = null): void {
    const actions = action ? [action] : []
    notices.value.push({ id: nextId++, title, text, tone: 'result', progress: null, actions })
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  /** Awaits an action and shows why it failed. @returns whether it worked */
  async function attempt(title: string, action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      show(title, errorText(error, locale.t))
      return false
    }
  }

  /**
   * Awaits what may take long: a notice shows how far it is and lets the user cancel it.
   * @param unwanted cancels it as well @returns its result; throws what it throws, and `cancelled`
   */
  async function follow<T>(
    title: string,
    work: (task: CallTask) => Promise<T>,
    unwanted: AbortSignal | null = null,
  ): Promise<T> {
    const stop = new AbortController()
    const signal = unwanted ? AbortSignal.any([stop.signal, unwanted]) : stop.signal
    const id = nextId++
    const actions = [{ label: locale.t('app.cancel'), run: () => stop.abort() }]
    let part: number | null = null
    const timer = setTimeout(
      () => notices.value.push({ id, title, text: '', tone: 'task', progress: part, actions }),
      SHORT_MS,
    )
    try {
      return await work({
        signal,
        progress: (done) => {
          part = done
          const shown = notices.value.find((notice) => notice.id === id)
          if (shown) shown.progress = done
        },
      })
    } catch (error) {
      throw signal.aborted ? new RpcError('cancelled') : error
    } finally {
      clearTimeout(timer)
      dismiss(id)
    }
  }

  /** Shows what goes on by itself, and can be held and ended: each time it is told of; null once it has ended. */
  function showWork(id: number, work: Pick<Notice, 'title' | 'progress' | 'actions'> | null): void {
    const shown = notices.value.find((notice) => notice.id === id)
    if (!work) dismiss(id)
    else if (shown) Object.assign(shown, work)
    else notices.value.push({ id, text: '', tone: 'task', ...work })
  }

  /** An id for `showWork`. */
  const newWork = (): number => nextId++

  /**
   * Follows what no dialog waits for.
   * @param failure what is said when it fails @returns its result; null when it failed or was cancelled
   */
  async function carryOut<T>(
    title: string,
    failure: string,
    work: (task: CallTask) => Promise<T>,
  ): Promise<T | null> {
    try {
      return await follow(title, work)
    } catch (error) {
      const isCancelled = error instanceof RpcError && error.code === 'cancelled'
      if (!isCancelled) show(failure, errorText(error, locale.t))
      return null
    }
  }

  return { notices, follow, showWork, newWork, carryOut, show, warn, tell, report, dismiss, attempt }
})
