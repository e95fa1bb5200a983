import { onScopeDispose, ref, type Ref } from 'vue'
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
  capture(): void
  release(): void
  /** Presses keys together and lets them go. */
  press(codes: string[]): void
}

const clamp = (count: number): number => Math.max(-MAX_STEP, Math.min(MAX_STEP, Math.round(count)))

/**
 * Keyboard and mouse of the guest: caught on a click, given back by the host key or when the window loses focus.
 * @param onHostAction told when the host key is pressed with another key
 */
export function useCapture(
  view: MachineView,
  canvas: Ref<HTMLCanvasElement | null>,
  onHostAction: (action: HostAction) => void,
): Capture {
  const habits = useInputHabits()
  const captured = ref(false)
  const pointerCaught = ref(false)
  const stop = new AbortController()
  /** The host key is held, and no other key has been pressed with it. */
  let releaseArmed = false
  let escapeSentMs = 0

  function capture(): void {
    if (!view.client.value) return
    captured.value = true
    canvas.value?.focus()
    // The browser may refuse, for instance just after Escape; the keyboard is caught all the same.
    if (!view.absolute.value) void Promise.resolve(canvas.value?.requestPointerLock()).catch(() => {})
  }

  function release(): void {
    if (captured.value) view.releaseAll()
    captured.value = releaseArmed = false
    if (document.pointerLockElement) document.exitPointerLock()
  }

  function press(codes: string[]): void {
    for (const code of codes) view.key(code, true)
    for (const code of [...codes].reverse()) view.key(code, false)
  }

  function onKey(event: KeyboardEvent): void {
    if (!captured.value) return
    event.preventDefault()
    event.stopPropagation()
    const pressed = event.type === 'keydown'
    if (event.code === habits.hostKey) {
      if (pressed && !event.repeat) releaseArmed = true
      else if (!pressed && releaseArmed) release()
      return
    }
    if (releaseArmed && pressed) {
      releaseArmed = false
      const action = hostActionOf(event.code)
      // Function keys are those that systems change their consoles by.
      if (action) onHostAction(action)
      else if (/^F\d+$/.test(event.code)) press(['ControlLeft', 'AltLeft', event.code])
      return
    }
    if (event.repeat) return // the guest's keyboard repeats by itself
    if (event.code === 'Escape') escapeSentMs = performance.now()
    view.key(event.code, pressed)
  }

  function onPointerLockChange(): void {
    pointerCaught.value = document.pointerLockElement !== null && document.pointerLockElement === canvas.value
    if (pointerCaught.value || !captured.value || view.absolute.value) return
    // Lost without our doing: it was Escape, which the guest should have as well.
    if (document.hasFocus() && performance.now() - escapeSentMs > ESCAPE_MS) press(['Escape'])
  }

  function onMove(event: MouseEvent, wheel = 0): void {
    const buttons = event.buttons & 31
    if (view.absolute.value && event.target === canvas.value && canvas.value) {
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
      const forGuest = view.absolute.value
      capture()
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
  return { captured, pointerCaught, capture, release, press }
}
