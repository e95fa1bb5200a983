import { computed, onScopeDispose, ref, type Ref } from 'vue'
import type { VmInput } from '../../engine/protocol/vm.ts'
import { hostActionOf, type HostAction } from '../components/host-keys.ts'
import { useInputHabits } from '../stores/input-habits.ts'
import type { MachineView } from './use-view.ts'

/** How soon after a lost pointer the Escape key must be the cause: browsers take it for themselves then. */
const ESCAPE_MS = 300
const MAX_STEP = 2000

export interface Capture {
  /** Whether keys go to the guest. */
  readonly captured: Ref<boolean>
  /** Whether the mouse does, and nowhere else. */
  readonly pointerCaught: Ref<boolean>
  /** The guest gets positions of the mouse, which need not be caught. */
  readonly absolute: Ref<boolean>
  capture(): void
  /** Catches them as a click does: not where only the host key may. */
  captureByClick(): void
  release(): void
  /** Presses keys together and lets them go. */
  press(codes: string[]): void
}

const clamp = (count: number): number => Math.max(-MAX_STEP, Math.min(MAX_STEP, Math.round(count)))

/**
 * Keyboard and mouse of the guest: caught by a click or the host key, given back by the host key or when the window loses
 * the focus.
 * @param policy what the settings of the machine say of it
 * @param onHostAction told when the host key is pressed with another key
 */
export function useCapture(
  view: MachineView,
  canvas: Ref<HTMLCanvasElement | null>,
  policy: () => VmInput,
  onHostAction: (action: HostAction) => void,
): Capture {
  const habits = useInputHabits()
  const captured = ref(false)
  const pointerCaught = ref(false)
  const stop = new AbortController()
  const absolute = computed(() => view.absolute.value && !policy().relativeMouse)
  /** The host key is held, and no other key has been pressed with it. */
  let armed = false
  let escapeSentMs = 0

  function capture(): void {
    if (!view.client.value) return
    captured.value = true
    canvas.value?.focus()
    // The browser may refuse, for instance just after Escape; the keyboard is caught all the same.
    if (!absolute.value && policy().capture !== 'never')
      void Promise.resolve(canvas.value?.requestPointerLock()).catch(() => {})
  }

  function captureByClick(): void {
    if (policy().capture === 'host-key') canvas.value?.focus()
    else capture()
  }

  function release(): void {
    if (captured.value) view.releaseAll()
    captured.value = armed = false
    if (document.pointerLockElement) document.exitPointerLock()
  }

  function press(codes: string[]): void {
    for (const code of codes) view.key(code, true)
    for (const code of [...codes].reverse()) view.key(code, false)
  }

  /** Alone the host key catches and releases; with another key it is for this window. @returns whether this was for it */
  function onHostKey(event: KeyboardEvent): boolean {
    const pressed = event.type === 'keydown'
    if (event.code === habits.hostKey) {
      if (pressed && !event.repeat) armed = true
      else if (!pressed && armed) {
        armed = false
        if (captured.value) release()
        else capture()
      }
      return true
    }
    if (!armed || !pressed) return false
    armed = false
    const action = hostActionOf(event.code)
    // Function keys are those that systems change their consoles by.
    if (action) onHostAction(action)
    else if (/^F\d+$/.test(event.code)) press(['ControlLeft', 'AltLeft', event.code])
    return true
  }

  function onKey(event: KeyboardEvent): void {
    // The host key is listened to wherever the screen has the focus.
    const isOurs = captured.value || document.activeElement === canvas.value
    const isForWindow = isOurs && onHostKey(event)
    if (!captured.value && !isForWindow) return
    event.preventDefault()
    event.stopPropagation()
    if (isForWindow || event.repeat) return // the guest's keyboard repeats by itself
    if (event.code === 'Escape') escapeSentMs = performance.now()
    view.key(event.code, event.type === 'keydown')
  }

  function onPointerLockChange(): void {
    pointerCaught.value = document.pointerLockElement !== null && document.pointerLockElement === canvas.value
    if (pointerCaught.value || !captured.value || absolute.value) return
    // Lost without our doing: it was Escape, which the guest should have as well.
    if (document.hasFocus() && performance.now() - escapeSentMs > ESCAPE_MS) press(['Escape'])
  }

  function onMove(event: MouseEvent, wheel = 0): void {
    const buttons = event.buttons & 31
    if (absolute.value && event.target === canvas.value && canvas.value) {
      const { clientWidth, clientHeight } = canvas.value
      const position = (at: number, length: number) =>
        Math.max(0, Math.min(65535, Math.round((at / length) * 65535)))
      const [x, y] = [position(event.offsetX, clientWidth), position(event.offsetY, clientHeight)]
      view.client.value?.notify('mouseTo', { x, y, wheel, buttons })
    } else if (pointerCaught.value)
      view.client.value?.notify('mouse', {
        dx: clamp(event.movementX),
        dy: clamp(event.movementY),
        wheel,
        buttons,
      })
  }

  function onButton(event: MouseEvent): void {
    if (
      event.type === 'mousedown' &&
      event.target === canvas.value &&
      (!captured.value || !pointerCaught.value)
    ) {
      // In relative mode the click that catches the mouse is not the guest's.
      const forGuest = absolute.value
      captureByClick()
      event.preventDefault()
      if (!forGuest) return
    }
    onMove(event)
  }

  function onWheel(event: WheelEvent): void {
    if (!captured.value) return
    event.preventDefault()
    onMove(event, Math.sign(event.deltaY))
  }

  const { signal } = stop
  window.addEventListener('keydown', onKey, { signal, capture: true })
  window.addEventListener('keyup', onKey, { signal, capture: true })
  window.addEventListener('mousemove', (event) => onMove(event), { signal })
  window.addEventListener('mousedown', onButton, { signal })
  window.addEventListener('mouseup', onButton, { signal })
  window.addEventListener('wheel', onWheel, { signal, passive: false })
  window.addEventListener('blur', release, { signal })
  document.addEventListener('pointerlockchange', onPointerLockChange, { signal })
  document.addEventListener('visibilitychange', () => document.hidden && release(), { signal })
  onScopeDispose(() => {
    release()
    stop.abort()
  })
  return { captured, pointerCaught, absolute, capture, captureByClick, release, press }
}
