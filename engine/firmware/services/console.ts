import type { Service } from '../port/protocol.ts'
import { teletype } from './int10/text.ts'
import { VideoState } from './int10/video-state.ts'

/** Prints on the screen as INT 10h/0Eh would; a line feed also returns. */
export function* print(text: string): Service {
  const state = yield* VideoState.load()
  for (const character of text) {
    if (character === '\n') yield* teletype(state, state.page, 13, null, 7)
    yield* teletype(state, state.page, character.charCodeAt(0) & 0xff, null, 7)
  }
  yield* state.store()
}
