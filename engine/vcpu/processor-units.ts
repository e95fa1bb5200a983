import type { MemoryMap } from '../bus/memory-map.ts'
import type { PortMap } from '../bus/port-map.ts'
import { AC, ID, VIF, VIP } from '../isa/flags.ts'
import { State } from '../isa/state.ts'
import { Breakpoints } from './breakpoints.ts'
import { ControlRegisters } from './control.ts'
import { CR4, CpuState } from './cpu-state.ts'
import { Exceptions } from './exceptions.ts'
import { FarTransfer } from './far-transfer.ts'
import { FpuTrap } from './fpu-trap.ts'
import { type CodeWatch, Mmu } from './mmu.ts'
import type { CpuModel } from './model.ts'
import { Msrs, type Wide } from './msr.ts'
import { PortIo } from './port-io.ts'
import { Privilege } from './privilege.ts'
import { Segmentation } from './segmentation.ts'
import type { Stops } from './stops.ts'
import { SystemManagement } from './system-management.ts'
import { SystemUnit } from './system-unit.ts'
import { TaskSwitch } from './task-switch.ts'

/** What the units of a processor have to do with the machine around it. */
export interface UnitsConfig {
  model: CpuModel
  memory: MemoryMap
  ports: PortMap
  /** Highest CPUID leaf shown. */
  leafLimit?: number
  readTimeStamp(): Wide
  writeTimeStamp(value: Wide): void
  /** IA32_APIC_BASE, and what a write to it does; absent without a local APIC. */
  apicBase?: { read(): number; write(value: number): void }
  /** SMIACT#: system management mode is entered or left. */
  managementActive?(active: boolean): void
  /** FERR#: an unmasked x87 error while CR0.NE is clear. */
  ferr(high: boolean): void
}

/** The architectural units of a processor in software, as far as they are the same however it runs code. */
export interface ProcessorUnits {
  readonly state: CpuState
  readonly mmu: Mmu
  readonly segmentation: Segmentation
  readonly privilege: Privilege
  readonly tasks: TaskSwitch
  readonly exceptions: Exceptions
  readonly control: ControlRegisters
  readonly msrs: Msrs
  readonly portIo: PortIo
  readonly system: SystemUnit
  readonly management: SystemManagement
  readonly breakpoints: Breakpoints
  readonly fpuTrap: FpuTrap
}

/**
 * Builds the units and ties them to each other.
 * @param code which pages hold decoded code
 * @param stops where a debugger wants the processor to stop
 */
export function buildUnits(config: UnitsConfig, code: CodeWatch, stops: Stops): ProcessorUnits {
  const { memory, model } = config
  const state = new CpuState(memory.memory)
  state.haveFlags(flagsOf(model))
  state.is8086 = model.features.has('only-8086')
  const mmu = new Mmu(state, memory, code)
  const has32Bits = model.features.has('386')
  const segmentation = new Segmentation(state, mmu, has32Bits)
  const privilege = new Privilege(state, segmentation)
  const tasks = new TaskSwitch(state, mmu, segmentation, privilege)
  const exceptions = new Exceptions(state, mmu, segmentation, privilege, tasks, has32Bits)
  const transfers = new FarTransfer(state, mmu, segmentation, privilege, tasks)
  const control = new ControlRegisters(state, mmu, model)
  const portIo = new PortIo(state, mmu, segmentation, config.ports)
  const fpuTrap = new FpuTrap(state, (high) => config.ferr(high))
  const breakpoints = new Breakpoints(state)
  const msrs = buildMsrs(config, state, mmu)
  const management = new SystemManagement({ state, mmu, segmentation, privilege, control }, model, memory)
  management.onActive = (active) => config.managementActive?.(active)
  const system = new SystemUnit({
    management,
    state,
    mmu,
    segmentation,
    privilege,
    exceptions,
    transfers,
    control,
    msrs,
    portIo,
    model,
    leafLimit: config.leafLimit ?? Infinity,
    apicPresent: () => config.apicBase !== undefined && (config.apicBase.read() & 0x800) !== 0,
    fpuTrap: (unit) => fpuTrap.meet(unit),
  })
  tasks.onLoadCr3 = (cr3) => control.setCr3(cr3)
  control.onChange = () => fpuTrap.update()
  portIo.onAccess = (port, size) => breakpoints.port(port, size)
  mmu.watch = {
    get isActive() {
      return breakpoints.watchesAny || stops.watchesAny
    },
    watches: (page) => breakpoints.watches(page) || stops.watches(page),
    touched: (linear, size, write) => {
      breakpoints.touched(linear, size, write)
      stops.touched(linear, size, write)
    },
  }
  return {
    state,
    mmu,
    segmentation,
    privilege,
    tasks,
    exceptions,
    control,
    msrs,
    portIo,
    system,
    management,
    breakpoints,
    fpuTrap,
  }
}

/** Bits of EFLAGS that a model has, beyond those that all have. */
function flagsOf({ features, hasAlignmentCheck, cr4Mask }: CpuModel): Parameters<CpuState['haveFlags']>[0] {
  // The upper four of sixteen bits are set in an 8086, and clear in a 286 in real mode.
  if (features.has('only-8086')) return { real: 0xfff, all: 0xfff, fixed: 0xf000 }
  if (features.has('only-286')) return { real: 0xfff, all: 0x7fff, fixed: 0 }
  const all =
    0x3fffff &
    ~((hasAlignmentCheck ? 0 : AC) | (features.has('cpuid') ? 0 : ID) | (cr4Mask & CR4.VME ? 0 : VIF | VIP))
  return { real: all, all, fixed: 0 }
}

function buildMsrs(config: UnitsConfig, state: CpuState, mmu: Mmu): Msrs {
  const { apicBase } = config
  return new Msrs(config.model, {
    readTimeStamp: () => config.readTimeStamp(),
    writeTimeStamp: (value) => config.writeTimeStamp(value),
    get apicBase() {
      return apicBase?.read()
    },
    set apicBase(value) {
      if (value !== undefined) apicBase?.write(value)
    },
    setNoExecute: (enabled) => {
      mmu.noExecuteEnabled = enabled
      mmu.flush('all')
    },
    setSysenter: (register, value) => state.setWord(State.SYSENTER_CS + 4 * register, value),
  })
}
