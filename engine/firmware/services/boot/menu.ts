import type { Service } from '../../port/protocol.ts'
import type { BootState } from '../../state.ts'
import { print } from '../console.ts'
import { setMode } from '../int10/set-mode.ts'
import { setCursorPosition, setCursorShape } from '../int10/cursor.ts'
import { writeCells } from '../int10/text.ts'
import { VideoState } from '../int10/video-state.ts'
import { nextKey } from '../keyboard/buffer.ts'
import type { BootSource } from './sources.ts'

const KEY = { up: 0x48, down: 0x50, escape: 0x01, enter: 0x1c } as const
const PLAIN = 0x07
const CHOSEN = 0x70
const TITLE = 0x0f
const FIRST_ROW = 4

/** Clears the screen and shows the sources, one of them marked. */
export function* drawMenu(sources: readonly BootSource[], choice: number): Service {
  yield* setMode(3)
  const state = yield* VideoState.load()
  yield* setCursorShape(state, 0x2000)
  yield* line(state, 1, 'Boot from', TITLE)
  for (const [index, source] of sources.entries())
    yield* line(state, FIRST_ROW + index, ` ${index + 1}  ${source.label}`, index === choice ? CHOSEN : PLAIN)
  yield* line(
    state,
    FIRST_ROW + 1 + Math.max(1, sources.length),
    'Arrows and Enter, or a digit. Esc goes on as usual.',
    PLAIN,
  )
  yield* state.store()
}

function* line(state: VideoState, row: number, text: string, attribute: number): Service {
  for (const [index, character] of Array.from(text.padEnd(60)).entries()) {
    state.setCursor(0, 2 + index, row)
    yield* writeCells(state, 0, character.charCodeAt(0), attribute, 1)
  }
  state.setCursor(0, 0, 0)
}

/** One key of the menu. @returns the chosen index, beyond the list for Esc, or that there is more to wait for */
export function* menuKey(boot: BootState, sources: readonly BootSource[]): Service<number | 'wait'> {
  const key = yield* nextKey(true)
  if (key === null) return 'wait'
  const digit = (key & 0xff) - 0x31
  let chosen: number | null = null
  switch (key >> 8) {
    case KEY.up:
      boot.choice = Math.max(0, boot.choice - 1)
      break
    case KEY.down:
      boot.choice = Math.min(Math.max(0, sources.length - 1), boot.choice + 1)
      break
    case KEY.escape:
      chosen = sources.length
      break
    case KEY.enter:
      chosen = boot.choice
      break
    default:
      if (digit >= 0 && digit < sources.length) chosen = digit
  }
  if (chosen === null) {
    yield* drawMenu(sources, boot.choice)
    return 'wait'
  }
  yield* setMode(3)
  const state = yield* VideoState.load()
  yield* setCursorPosition(state, 0, 0, 0)
  yield* state.store()
  yield* print('')
  return chosen
}
