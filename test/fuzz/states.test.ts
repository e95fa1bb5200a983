import { describe, expect, it } from 'vitest'
import { EngineError } from '../../engine/base/errors.ts'
import { decodeState, encodeState } from '../../engine/snapshot/encoding.ts'
import type { Device } from '../../engine/devices/device.ts'
import { breaches } from './checked-index.ts'
import { Fuzzer } from './fuzzer.ts'
import { mutate } from './mutate-state.ts'
import { partSeed, Random } from './random.ts'
import { SETTINGS, wanted } from './settings.ts'
import type { Subject } from './subjects.ts'

/** Cases between two states that are taken as the origin of damaged ones. */
const CASES_BETWEEN = 50

/** Gives the device a damaged state: it refuses, and is as before, or it takes it, and can be used. */
function offer(device: Device, damaged: unknown): void {
  const before = encodeState(device.save())
  try {
    device.restore(damaged)
  } catch (error) {
    const isRefusal =
      error instanceof EngineError && (error.code === 'state-invalid' || error.code === 'state-too-new')
    if (!isRefusal) throw error
    expect(encodeState(device.save()), 'a refused state changes nothing').toBe(before)
    return
  }
  // What it takes it can save, and take again.
  device.restore(decodeState(encodeState(device.save())))
}

function hammerStates(subject: Subject): void {
  const fuzzer = new Fuzzer(subject, SETTINGS.seed)
  const random = new Random(partSeed(SETTINGS.seed, subject.name, 0))
  const devices = fuzzer.board.devices.filter(({ id }) => subject.devices.includes(id))
  for (let round = 0; round * CASES_BETWEEN < SETTINGS.states; round++) {
    fuzzer.runBlock(round, CASES_BETWEEN)
    for (let count = 0; count < CASES_BETWEEN; count++) {
      const device = random.pick(devices)
      const damaged = mutate(device.save(), random)
      try {
        offer(device, damaged)
        fuzzer.useFor(random.bits())
        expect(breaches.splice(0), 'out of bounds').toEqual([])
      } catch (error) {
        throw new Error(`${device.id} was given ${encodeState(damaged).slice(0, 2000)} (round ${round})`, {
          cause: error,
        })
      }
    }
  }
}

describe('a device that is given a damaged state refuses it or can be used', () => {
  it.each(wanted.filter(({ devices }) => devices.length > 0))('$name', hammerStates)
})
