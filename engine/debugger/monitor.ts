import type { DebugTarget } from './target.ts'

const HELP = `Commands of the machine, each after "monitor":
  help                      this text
  reset                     reset the machine, as the button on its case does
  info registers            all registers, those that GDB has no name for too
  phys on|off               memory addresses are physical; off: linear, through the guest's pages
  pc linear|offset          $eip includes the base of CS, for real mode; offset: as the processor has it
  step-interrupts on|off    interrupts are taken in single steps; off: they wait until the guest goes on
`

/** What a monitor command may do to the machine around the target. */
export interface MonitorActions {
  reset(): void
}

/** Carries out `monitor …` and gives the text to show. */
export function monitor(line: string, target: DebugTarget, actions: MonitorActions): string {
  const [command = 'help', ...words] = line.trim().split(/\s+/)
  const argument = words.join(' ')
  const { settings } = target
  switch (command) {
    case '':
    case 'help':
      return HELP
    case 'reset':
      actions.reset()
      return 'The machine was reset. GDB knows it after "maintenance flush register-cache".\n'
    case 'info':
      return argument === 'registers' ? registerTable(target) : `info: it knows of registers\n`
    case 'phys':
      return choose(argument, { on: 'physical', off: 'linear' } as const, settings.space, (value) => {
        settings.space = value
      })
    case 'pc':
      return choose(argument, { linear: true, offset: false }, settings.linearPc, (value) => {
        settings.linearPc = value
      })
    case 'step-interrupts':
      return choose(argument, { on: true, off: false }, settings.stepInterrupts, (value) => {
        settings.stepInterrupts = value
      })
    default:
      return `"${command.slice(0, 40)}" is no command of the machine; see "monitor help"\n`
  }
}

/** Sets one of a few values by name, or tells which is set. */
function choose<T>(argument: string, values: Record<string, T>, now: T, set: (value: T) => void): string {
  const names = Object.keys(values)
  if (argument === '') return `${names.find((name) => values[name] === now)}\n`
  if (!Object.hasOwn(values, argument)) return `it is one of ${names.join(', ')}\n`
  set(values[argument]!)
  return `${argument}\n`
}

function registerTable(target: DebugTarget): string {
  const registers = target.features.flatMap((feature) => feature.registers)
  const lines = registers.map(({ name }, index) => {
    const bytes = Uint8Array.from(target.readRegister(index)).toReversed()
    return `${name.padEnd(10)} ${Buffer.from(bytes).toString('hex')}\n`
  })
  return lines.join('')
}
