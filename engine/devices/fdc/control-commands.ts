import type { CommandName } from './commands.ts'
import type { FdcCore } from './fdc-core.ts'
import type { FdcTiming } from './fdc-timing.ts'
import { CONFIGURE, ST0, ST3, VERSION_82077 } from './registers.ts'

/** RECALIBRATE gives up after this many steps, one less than some drives have tracks. */
const RECALIBRATE_STEPS = 79

/** The commands that move the head, set up the controller or ask it. */
export class ControlCommands {
  constructor(
    private readonly core: FdcCore,
    private readonly timing: FdcTiming,
  ) {}

  execute(name: CommandName): void {
    const { core } = this
    const { state } = core
    const [opcode = 0, first = 0, second = 0, third = 0] = state.command
    const unit = first & 3
    switch (name) {
      case 'recalibrate':
        return this.#recalibrate(unit)
      case 'seek':
        return this.#seek(unit, second - state.pcn[unit]!, second)
      case 'relative-seek': {
        const steps = opcode & 0x40 ? second : -second
        return this.#seek(unit, steps, (state.pcn[unit]! + steps) & 0xff)
      }
      case 'specify':
        state.specify = [first, second]
        return core.answer()
      case 'configure':
        state.configure = second & (CONFIGURE.EIS | CONFIGURE.EFIFO | CONFIGURE.POLL | CONFIGURE.FIFOTHR)
        state.pretrk = third
        return core.answer()
      case 'perpendicular':
        // OW protects the drive bits from software that does not know of them.
        state.perpendicular = first & 0x80 ? first & 0x3f : (state.perpendicular & 0x3c) | (first & 3)
        return core.answer()
      case 'lock':
        state.lock = (opcode & 0x80) !== 0
        return core.answer(state.lock ? 0x10 : 0)
      case 'version':
        return core.answer(VERSION_82077)
      case 'dumpreg': {
        const { pcn, specify, lastEot, lock, perpendicular, configure, pretrk } = state
        return core.answer(...pcn, ...specify, lastEot, (lock ? 0x80 : 0) | perpendicular, configure, pretrk)
      }
      case 'sense-drive':
        return this.#senseDrive(unit, (first >> 2) & 1)
      case 'sense-interrupt':
        return this.#senseInterrupt()
      default:
        return core.answer(ST0.IC_INVALID)
    }
  }

  /** The head has arrived. */
  seekEnded(): void {
    const { state } = this.core
    state.seekStatus[state.seekUnit] = state.seekResult
    state.resetSenses = 0
    this.core.setInterrupt(true)
  }

  #senseDrive(unit: number, head: number): void {
    const drive = this.core.selected
    this.core.state.head = head
    const signals =
      (drive?.writeProtected ? ST3.WP : 0) | (drive?.atTrack0 ? ST3.T0 : 0) | (head ? ST3.HD : 0)
    this.core.answer(signals | ST3.RDY | ST3.TS | unit)
  }

  #senseInterrupt(): void {
    const { core } = this
    const { state } = core
    if (state.resetSenses > 0) {
      const unit = 4 - state.resetSenses--
      core.setInterrupt(false)
      return core.answer(ST0.IC_POLLING | unit, state.pcn[unit]!)
    }
    const unit = state.seekStatus.findIndex((status) => status !== null)
    if (unit < 0) return core.answer(ST0.IC_INVALID)
    const status = state.seekStatus[unit] ?? 0
    state.seekStatus[unit] = null
    core.setInterrupt(state.seekStatus.some((other) => other !== null))
    core.answer(status, state.pcn[unit]!)
  }

  #seek(unit: number, steps: number, target: number): void {
    this.core.selected?.step(steps)
    this.#moveHead(unit, steps, target, ST0.SE)
  }

  #recalibrate(unit: number): void {
    const drive = this.core.selected
    const steps = drive ? Math.min(drive.track, RECALIBRATE_STEPS) : RECALIBRATE_STEPS
    drive?.step(-steps)
    this.#moveHead(unit, steps, 0, drive?.atTrack0 ? ST0.SE : ST0.IC_ABNORMAL | ST0.SE | ST0.EC)
  }

  /** The status of a seek has the head bit clear, and side 0 is selected afterwards. */
  #moveHead(unit: number, steps: number, target: number, st0: number): void {
    const { state } = this.core
    state.pcn[unit] = target
    state.head = 0
    state.seekUnit = unit
    state.seekResult = st0 | unit
    state.phase = 'idle'
    this.core.wait('seek', this.timing.seekNs(steps, state.specify[0] >> 4, state.rate))
  }
}
