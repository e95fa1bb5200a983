import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import * as v from 'valibot'
import { createMachine } from '../machine/pc.ts'
import { MachineConfig } from '../protocol/machine-config.ts'
import { describeError } from '../protocol/rpc.ts'
import { openHostFile } from '../storage/host-file.ts'
import { HostMemory } from './host-memory.ts'
import { MachineLoop, type LoopHost } from './machine-loop.ts'
import { SharedLook } from './state-look.ts'
import { goBeforeCompilers } from './thread-priority.ts'
import type { FromMachine, ThreadStart, ToMachine } from './thread-messages.ts'

/**
 * Entry of the thread that a machine runs on. The first message starts it; from then on it blocks in the guest, so messages
 * are fetched, never delivered.
 */
class ThreadHost implements LoopHost {
  #kick: Int32Array
  #memory = new HostMemory()

  constructor(
    private readonly port: MessagePort,
    kick: SharedArrayBuffer,
  ) {
    this.#kick = new Int32Array(kick)
  }

  nowNs(): number {
    return performance.now() * 1e6
  }

  sleep(ns: number): void {
    Atomics.wait(this.#kick, 0, 0, ns / 1e6)
  }

  receive(): ToMachine | undefined {
    // The word falls before the queue is emptied: a message that comes in between raises it again.
    if (Atomics.load(this.#kick, 0) === 0) return undefined
    const message = receiveMessageOnPort(this.port)?.message as ToMachine | undefined
    if (message) return message
    Atomics.store(this.#kick, 0, 0)
    return receiveMessageOnPort(this.port)?.message as ToMachine | undefined
  }

  post(message: FromMachine, transfer: ArrayBuffer[] = []): void {
    this.port.postMessage(message, transfer)
  }

  memoryBytes(): number {
    return process.memoryUsage.rss()
  }

  rest(): void {
    this.#memory.giveBack()
  }
}

function main(port: MessagePort, start: ThreadStart): void {
  const { config, state, allowChangedMedia, secrets, waitForDebugger, kick } = start
  const host = new ThreadHost(port, kick)
  goBeforeCompilers()
  try {
    const machine = createMachine(config, { restores: state !== null, secrets })
    try {
      if (state)
        machine.beginFrom(openHostFile(state.path, false), allowChangedMedia, new SharedLook(state.look))
    } catch (error) {
      machine.close()
      throw error
    }
    const { accelerator } = machine.stats()
    host.post({ kind: 'ready', serialPorts: machine.serial.length, accelerator })
    new MachineLoop(machine, host, waitForDebugger).run()
  } catch (error) {
    host.post({ kind: 'refused', error: describeError(error) })
  }
  host.post({ kind: 'closed' })
  port.close()
}

/** A thread that has waited for so long for its machine waits in a process that is kept ready. */
const SPARE_MS = 500

/**
 * Builds a small machine and throws it away: all that building one needs is loaded and compiled then, which takes a
 * third to a half off the time of the one that is asked for.
 */
function warmUp(): void {
  createMachine(v.parse(MachineConfig, { version: 1, memoryMiB: 1, drives: [] })).close()
}

// Regions say which of their branches are seldom taken; V8 before 13 listens only when asked to.
setFlagsFromString('--experimental-wasm-branch-hinting')
const spareTime = setTimeout(warmUp, SPARE_MS)
parentPort?.once('message', (start: ThreadStart) => {
  clearTimeout(spareTime)
  main(parentPort!, start)
})
