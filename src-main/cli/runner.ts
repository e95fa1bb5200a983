import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { inWords } from '../../engine/protocol/reasons.ts'
import { MachineThread } from '../../engine/service/machine-thread.ts'
import { MachineViews } from '../../engine/service/machine-views.ts'
import type { SerialLink } from '../../engine/service/vm-service.ts'
import type { HostFault, VmStats } from '../../engine/protocol/vm.ts'
import type { MachineState } from '../../engine/protocol/vm-contract.ts'
import { faultText } from '../host/fault-text.ts'
import { asJson } from '../../engine/protocol/as-json.ts'
import { EXIT } from './exit.ts'
import { checkInputFile, checkOutputFile } from './input-file.ts'
import { encodePng } from '../../engine/service/png.ts'
import { GdbServer } from './gdb-server.ts'
import { inputFiles, outputFiles, type RunPlan } from './run-options.ts'
import { readSecret } from './secret.ts'
import { openSerial } from './serial.ts'
import type { Step } from './steps.ts'
import { errorLine, UsageError } from './usage-error.ts'
import type { WebDisplay } from './web-display.ts'

/** How often the screen is read while a step waits for its text. */
const POLL_MS = 50
/** What is kept of the serial output for `wait`. */
const SERIAL_MEMORY = 1 << 20

/** Runs a machine in a thread of this process, does the steps, and says with which status to exit. */
export async function run(plan: RunPlan, worker: Worker): Promise<number> {
  for (const file of inputFiles(plan)) await checkInputFile(file)
  for (const file of outputFiles(plan)) await checkOutputFile(file)
  const secrets = plan.secretFiles.map((file) => readSecret('secret-file', file))
  return new Run(plan).run(worker, secrets)
}

class Run {
  #thread!: MachineThread
  #serialText = ''
  #decoder = new TextDecoder('latin1')
  #views = new MachineViews()
  #display: WebDisplay | null = null
  #links: (SerialLink | null)[] = []
  #gdb: GdbServer | null = null
  #stop = new AbortController()
  /** Set by whatever ends the run first. */
  #status: number | null = null
  /** The guest waits for room on the host's disk. */
  #isStalled = false
  #startedMs = performance.now()

  constructor(private readonly plan: RunPlan) {}

  async run(worker: Worker, secrets: readonly string[]): Promise<number> {
    const { plan } = this
    this.#thread = new MachineThread(
      worker,
      plan.config,
      {
        onState: (now) => this.#onState(now),
        onSerial: (port, bytes) => this.#onSerial(port, bytes),
        onFrame: (view, buffer) => this.#views.onFrame(view, buffer),
        onPointer: (absolute) => this.#views.onPointer(absolute),
        onStats: (stats) => this.#views.onStats(stats),
        onDebugger: (bytes, taken) => this.#gdb?.send(bytes, taken),
        onDebuggerClosed: () => this.#gdb?.hangUp(),
        onFault: (fault) => this.#onFault(fault),
      },
      {
        state: plan.restoreState,
        secrets,
        allowChangedMedia: plan.allowChangedMedia,
        waitForDebugger: plan.waitGdb,
      },
    )
    this.#views.attach(this.#thread, await this.#thread.ready.catch((error) => this.#refuse(error)))
    this.#tellAccelerator()
    if (plan.display === 'web') {
      // A web host takes longer to load than all the rest, and few runs have one.
      const { WebDisplay } = await import('./web-display.ts')
      this.#display = await WebDisplay.open(this.#thread, this.#views, plan.config)
    }
    const timer =
      plan.timeoutMs === null
        ? null
        : setTimeout(() => this.#end(EXIT.timeout, 'the time is up'), plan.timeoutMs)
    const onSignal = () => this.#end(130)
    process.once('SIGINT', onSignal)
    process.once('SIGTERM', onSignal)
    try {
      await this.#openLinks()
      await this.#openGdb()
      await this.#steps()
    } finally {
      if (timer) clearTimeout(timer)
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
      await this.#thread.powerOff()
      for (const link of this.#links) link?.close()
      this.#gdb?.close()
      await this.#display?.close()
    }
    if (plan.stats !== null) await this.#writeStats(plan.stats, this.#thread.stats)
    return this.#status ?? EXIT.ok
  }

  /** Which accelerator was chosen and why, unless it is just what was asked for. */
  #tellAccelerator(): void {
    const { accel } = this.plan.config
    const { accelerator } = this.#thread
    if (accelerator && (accel === 'auto' || accel === 'kvm'))
      process.stderr.write(`vitrine: accelerator ${accelerator.name}: ${inWords(accelerator.reason)}\n`)
  }

  async #openLinks(): Promise<void> {
    for (const [port, target] of this.plan.serial.entries()) {
      const toGuest = (bytes: Uint8Array) =>
        this.#thread.post({ kind: 'serial', port, bytes: new Uint8Array(bytes) })
      this.#links[port] = await openSerial(target, toGuest, () => this.#end(EXIT.ok))
    }
    // What the guest said before its ports were connected is in the memory for `wait`.
    if (this.#links[0] && this.#serialText) this.#links[0].fromGuest(Buffer.from(this.#serialText, 'latin1'))
  }

  async #openGdb(): Promise<void> {
    const { gdb, waitGdb } = this.plan
    if (!gdb) return
    this.#gdb = new GdbServer(gdb, this.#thread)
    const port = await this.#gdb.listen()
    const waits = waitGdb ? '; the guest waits for it' : ''
    process.stderr.write(`vitrine: for GDB: target remote ${gdb.host}:${port}${waits}\n`)
  }

  async #steps(): Promise<void> {
    for (const step of this.plan.steps) {
      if (this.#status !== null) return
      try {
        await this.#do(step)
      } catch (error) {
        // A machine that ended meanwhile cannot be asked; how it ended is what counts.
        if (this.#status === null) throw error
      }
    }
    if (this.plan.steps.length) this.#end(EXIT.ok)
    else await this.#thread.ended
  }

  async #do(step: Step): Promise<void> {
    const thread = this.#thread
    switch (step.kind) {
      case 'wait':
        return this.#wait(step.pattern)
      case 'type':
        return thread.type(step.text, { signal: this.#stop.signal })
      case 'key':
        return thread.press(step.codes)
      case 'mouse':
        thread.post({ kind: 'mouse', dx: step.dx, dy: step.dy, wheel: 0, buttons: step.buttons })
        return this.#sleep(KEY_GAP_MS)
      case 'sleep':
        return this.#sleep(step.ms)
      case 'screenshot': {
        const { width, height, pixels } = await thread.ask('picture')
        return writeFile(step.path, encodePng(width, height, pixels))
      }
      case 'text': {
        const text = await thread.ask('screenText')
        return writeFile(step.path, (text?.lines ?? []).map((line) => line.trimEnd() + '\n').join(''))
      }
      case 'eject':
        return thread.ask('eject', step.drive)
      case 'insert':
        return thread.ask('insert', step.drive, step.path, {})
      case 'save-state':
        return writeFile(step.path, await thread.ask('save'))
      case 'stats':
        return this.#writeStats(step.path, await thread.ask('stats'))
      case 'power-off':
        return this.#end(EXIT.ok)
    }
  }

  async #wait(pattern: RegExp): Promise<void> {
    while (this.#status === null) {
      const screen = await this.#thread.ask('screenText')
      const text = (screen?.lines ?? []).map((line) => line.trimEnd()).join('\n')
      if (pattern.test(text) || pattern.test(this.#serialText)) return
      await this.#sleep(POLL_MS)
    }
  }

  /** Waits, or less when the run ends meanwhile. */
  async #sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }

  async #writeStats(path: string, stats: VmStats | null): Promise<void> {
    const { user, system } = process.cpuUsage()
    const wallMs = performance.now() - this.#startedMs
    await writeFile(path, asJson({ ...stats, wallMs, cpuMs: (user + system) / 1000 }) + '\n')
  }

  #onSerial(port: number, bytes: Uint8Array): void {
    this.#views.onSerial(port, bytes)
    this.#links[port]?.fromGuest(bytes)
    this.#serialText = (this.#serialText + this.#decoder.decode(bytes)).slice(-SERIAL_MEMORY)
  }

  #onFault(fault: HostFault): void {
    process.stderr.write(`vitrine: ${faultText(fault)}\n`)
    this.#display?.failed(fault)
  }

  /** What the machine does not start for, with the file that is to blame. */
  #refuse(error: unknown): never {
    const state = this.plan.restoreState
    if (
      state !== null &&
      error instanceof Error &&
      'code' in error &&
      String(error.code).startsWith('state-')
    )
      throw new UsageError(`${state}: ${errorLine(error)}`)
    throw error
  }

  #onState(state: MachineState): void {
    this.#views.onState(state)
    this.#display?.changed()
    switch (state.kind) {
      case 'running':
        if (this.#isStalled) process.stderr.write('vitrine: there is room again; the guest goes on\n')
        this.#isStalled = false
        return
      case 'paused':
        if (state.reason === undefined) return
        this.#isStalled = true
        process.stderr.write(`vitrine: ${inWords(state.reason)}; the guest is paused until there is room\n`)
        return
      case 'off':
        return this.#end(EXIT.ok)
      case 'debug-exit':
        return this.#end(state.status)
      case 'crashed':
        return this.#end(EXIT.crashed, `the guest crashed the machine: ${inWords(state.reason)}`)
      case 'failed':
        return this.#end(EXIT.crashed, `the machine failed: ${inWords(state.reason)}`)
    }
  }

  #end(status: number, message?: string): void {
    if (this.#status !== null) return
    this.#status = status
    if (message) process.stderr.write(`vitrine: ${message}\n`)
    this.#stop.abort()
    void this.#thread.powerOff()
  }
}

/** Between mouse steps, so that the guest sees each as a packet of its own. */
const KEY_GAP_MS = 25
