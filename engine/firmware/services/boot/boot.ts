import type { BootPlacement } from '../../loaders/placement.ts'
import { in8, out8, RETRY, type Service, writeByte } from '../../port/protocol.ts'
import { DONE, FLAG, type Outcome, type Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import { print } from '../console.ts'
import type { Context } from '../context.ts'
import { KEY_F12, nextKey } from '../keyboard/buffer.ts'
import { type BootSource, bootSources, startSource } from './sources.ts'
import { drawMenu, menuKey } from './menu.ts'

const WAIT: Outcome = { kind: 'retry', entry: RETRY.boot }

/** INT 19h (AH = 0) and INT 18h (AH = 1): finds a system and starts it, or says that there is none. */
export function* boot(r: Registers, context: Context): Service<Outcome> {
  const { state, config, clock } = context
  const sources = bootSources(config)
  if (r.ah === 1) {
    // A boot sector gave up: the next source gets its turn.
    r.ah = 0
    if (state.boot.phase === 'start') state.boot.attempt++
  } else if (state.boot.phase === 'start') state.boot.attempt = 0

  if (state.boot.phase === 'start' && state.boot.attempt === 0) {
    if (config.kernel) return yield* startKernel(r, context, config.kernel)
    if (config.menuDelayMs > 0) {
      yield* print('Press F12 to choose what to boot from.\n')
      state.boot.phase = 'hint'
      state.boot.untilNs = clock.nowNs + config.menuDelayMs * 1e6
    } else if (yield* wantsMenu()) {
      yield* openMenu(context, sources)
    }
  }
  if (state.boot.phase === 'hint') {
    if (yield* wantsMenu()) yield* openMenu(context, sources)
    else if (clock.nowNs < state.boot.untilNs) return WAIT
    else state.boot.phase = 'start'
  }
  if (state.boot.phase === 'menu') {
    const chosen = yield* menuKey(state.boot, sources)
    if (chosen === 'wait') return WAIT
    state.boot.phase = 'start'
    const source = sources[chosen]
    if (source) {
      state.boot.attempt = chosen
      const reason = yield* startSource(r, context, source)
      if (reason === null) return started(r)
      yield* print(`${source.label}: ${reason}\n`)
    }
  }
  if (state.boot.phase === 'failed') {
    if ((yield* nextKey(true)) === null) return WAIT
    state.boot.phase = 'start'
    state.boot.attempt = 0
  }
  return yield* trySources(r, context, sources)
}

function* trySources(r: Registers, context: Context, sources: readonly BootSource[]): Service<Outcome> {
  const { boot } = context.state
  const reasons: string[] = []
  for (; boot.attempt < sources.length; boot.attempt++) {
    const source = sources[boot.attempt]!
    const reason = yield* startSource(r, context, source)
    if (reason === null) return started(r)
    reasons.push(`  ${source.label}: ${reason}\n`)
  }
  boot.phase = 'failed'
  yield* print('\nNo bootable device.\n')
  yield* print(sources.length ? reasons.join('') : '  There is no drive with a medium to boot from.\n')
  yield* print('Insert a bootable medium and press any key.\n')
  return WAIT
}

function started(r: Registers): Outcome {
  r.flags = FLAG.interrupt | 2
  return DONE
}

function* wantsMenu(): Service<boolean> {
  for (let tries = 0; tries < 16; tries++) {
    const key = yield* nextKey(true)
    if (key === null) return false
    if (key === KEY_F12) return true
  }
  return false
}

function* openMenu(context: Context, sources: readonly BootSource[]): Service {
  context.state.boot.phase = 'menu'
  context.state.boot.choice = 0
  yield* writeByte(BDA_SEGMENT, BDA.breakFlag, 0)
  yield* drawMenu(sources, 0)
}

function* startKernel(r: Registers, context: Context, kernel: BootPlacement): Service<Outcome> {
  // Memory above 1 MiB is in use from here on.
  yield* out8(0x92, ((yield* in8(0x92)) | 2) & 0xfe)
  context.placeKernel()
  const { start } = kernel
  if (start.kind === 'protected') {
    r.eax = start.eax
    r.ebx = start.ebx
    r.esi = start.esi
    r.ecx = 0
    r.edx = 0
    r.edi = 0
    r.ebp = 0
    return { kind: 'launch32', entry: start.entry, esp: start.esp }
  }
  r.cs = start.cs
  r.ip = start.ip
  r.ds = start.ds
  r.es = start.ds
  r.flags = 2 // the protocol wants interrupts disabled
  return { kind: 'launch16', ss: start.ss, esp: start.sp, fs: start.ds, gs: start.ds }
}
