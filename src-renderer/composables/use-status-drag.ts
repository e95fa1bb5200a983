import { ref, type Ref } from 'vue'
import { useStatusBar, type StatusItem } from '../stores/status-bar.ts'

/** What is dragged within a status bar. */
const DRAGGED = 'application/x-vitrine-status-item'

/** Moves icons of the status bar by dragging: before the one that they are dropped on, or after it when they come from the left. */
export function useStatusDrag(): {
  /** What it would be dropped on. */
  target: Ref<StatusItem | null>
  start(item: StatusItem, event: DragEvent): void
  over(item: StatusItem, event: DragEvent): void
  drop(item: StatusItem, event: DragEvent): void
  end(): void
} {
  const bar = useStatusBar()
  const target = ref<StatusItem | null>(null)
  // What is dragged is not told before it is dropped.
  let dragged: StatusItem | null = null

  function end(): void {
    dragged = target.value = null
  }
  return {
    target,
    start(item, { dataTransfer }) {
      if (!dataTransfer) return
      dragged = item
      dataTransfer.setData(DRAGGED, item)
      dataTransfer.effectAllowed = 'move'
    },
    over(item, event) {
      if (!dragged) return
      event.preventDefault()
      target.value = item === dragged ? null : item
    },
    drop(item, event) {
      if (!dragged) return
      event.preventDefault()
      bar.move(dragged, bar.order.indexOf(item))
      end()
    },
    end,
  }
}
