import * as v from 'valibot'
import {
  DISK_FORMATS,
  findIssue,
  KNOBS,
  MachineConfig,
  mousePort,
  type DriveConfig,
  type MachineConfigInput,
} from '../../engine/protocol/machine-config.ts'
import { parseGdb, type GdbAddress } from './gdb-server.ts'
import { parseSerial, type SerialTarget } from './serial.ts'
import { parseStep, type Step } from './steps.ts'
import { UsageError } from './usage-error.ts'

/** What commander collects for `vitrine run`. */
export interface RawRunOptions {
  memory?: string
  cpus?: string
  cpuModel?: string
  accel?: string
  drives: DriveArgument[]
  boot?: string
  kernel?: string
  initrd?: string
  append?: string
  module?: string[]
  firmware?: string
  vgaBios?: string
  serial?: string[]
  mouse?: string
  net?: string
  parallel?: string
  debugConsole?: string
  debugExit?: boolean
  portLog?: string[]
  gdb?: string
  waitGdb?: boolean
  display?: string
  do?: string[]
  restoreState?: string
  allowChangedMedia?: boolean
  timeout?: string
  stats?: string
  reboot?: boolean
  knob?: string[]
}

export interface DriveArgument {
  kind: DriveConfig['kind']
  text: string
}

export interface RunPlan {
  config: MachineConfig
  /** Files with passphrases of encrypted disks. */
  secretFiles: string[]
  serial: SerialTarget[]
  gdb: GdbAddress | null
  waitGdb: boolean
  steps: Step[]
  restoreState: string | null
  allowChangedMedia: boolean
  timeoutMs: number | null
  stats: string | null
  display: 'none' | 'web'
}

/** Turns options into a plan, refusing what cannot be. Throws `UsageError`. */
export function planRun(raw: RawRunOptions): RunPlan {
  if (raw.net !== undefined && raw.net !== 'none')
    throw new UsageError(`--net ${raw.net}: there is no networking yet; use none`)
  if (raw.waitGdb && raw.gdb === undefined)
    throw new UsageError('--wait-gdb: say with --gdb tcp:127.0.0.1:PORT where the debugger comes in')
  if (raw.gdb !== undefined && raw.accel === 'kvm')
    throw new UsageError('--gdb: the debugger needs --accel jit or interpreter')
  if (raw.allowChangedMedia && raw.restoreState === undefined)
    throw new UsageError('--allow-changed-media is for a saved state: give --restore-state FILE as well')
  if (!raw.kernel) {
    const lonely = (['initrd', 'append', 'module'] as const).find((name) => raw[name] !== undefined)
    if (lonely) throw new UsageError(`--${lonely} is for a kernel: give --kernel FILE as well`)
  }
  const serial = (raw.serial ?? []).map(parseSerial)
  if (serial.length > 4) throw new UsageError(`--serial: ${serial.length} serial ports, but there are 4`)
  const steps = (raw.do ?? []).map(parseStep)
  const config = machineConfig(raw)
  const taken = mousePort(config.mouse)
  if (taken !== null && (serial[taken]?.kind ?? 'none') !== 'none')
    throw new UsageError(`--serial: COM${taken + 1} has the mouse; its target can only be none`)
  return {
    config,
    secretFiles: raw.drives.flatMap(({ text }) => partsOf(text).flatMap(secretFileIn)),
    serial,
    gdb: raw.gdb === undefined ? null : parseGdb(raw.gdb),
    waitGdb: raw.waitGdb ?? false,
    steps,
    restoreState: raw.restoreState ?? null,
    allowChangedMedia: raw.allowChangedMedia ?? false,
    timeoutMs: raw.timeout === undefined ? null : positive('--timeout', raw.timeout) * 1000,
    stats: raw.stats ?? null,
    display: parseDisplay(raw.display ?? 'none'),
  }
}

/** Every file that must be there before the machine is built. */
export function inputFiles({ config, steps, restoreState }: RunPlan): string[] {
  const { drives, kernel, firmware, vgaBios } = config
  const files = [
    firmware,
    vgaBios,
    kernel?.path,
    kernel?.initrd,
    ...(kernel?.modules ?? []),
    ...drives.map(({ path }) => path),
    ...steps.map((step) => (step.kind === 'insert' ? step.path : null)),
    restoreState,
  ]
  return files.filter((file) => typeof file === 'string')
}

/** Every file that the run writes. */
export function outputFiles({ config, steps, stats, serial }: RunPlan): string[] {
  const files = [
    config.debug.console,
    config.debug.parallel,
    ...config.debug.portLogs.map(({ path }) => path),
    ...steps.map((step) => ('path' in step && step.kind !== 'insert' ? step.path : null)),
    stats,
    ...serial.map((target) => (target.kind === 'file' ? target.path : null)),
  ]
  return files.filter((file) => typeof file === 'string')
}

function machineConfig(raw: RawRunOptions): MachineConfig {
  const input: MachineConfigInput = {
    version: 1,
    drives: raw.drives.map(parseDrive),
    boot: parseBoot(raw.boot),
    debug: { exit: raw.debugExit ?? false, portLogs: (raw.portLog ?? []).map(parsePortLog) },
    knobs: parseKnobs(raw.knob ?? []),
    reboot: raw.reboot ?? true,
  }
  if (raw.memory !== undefined) input.memoryMiB = wholeNumber('--memory', raw.memory)
  if (raw.cpus !== undefined) input.cpus = wholeNumber('--cpus', raw.cpus)
  // What these may be is the schema's business; it is checked below.
  const { cpuModel, accel, mouse } = raw as Pick<MachineConfigInput, 'cpuModel' | 'accel' | 'mouse'>
  if (cpuModel) input.cpuModel = cpuModel
  if (accel) input.accel = accel
  if (mouse) input.mouse = mouse
  // What a debugger needs, KVM's processor does not offer here.
  if (raw.gdb !== undefined && (accel ?? 'auto') === 'auto') input.accel = 'jit'
  if (raw.firmware !== undefined) input.firmware = raw.firmware
  if (raw.vgaBios !== undefined) input.vgaBios = raw.vgaBios
  if (raw.debugConsole !== undefined) input.debug = { ...input.debug, console: raw.debugConsole }
  const printout = parseParallel(raw.parallel ?? 'none')
  if (printout !== null) input.debug = { ...input.debug, parallel: printout }
  if (raw.kernel !== undefined) {
    input.kernel = { path: raw.kernel, append: raw.append ?? '', modules: raw.module ?? [] }
    if (raw.initrd !== undefined) input.kernel.initrd = raw.initrd
  }
  const issue = findIssue(MachineConfig, input)
  if (issue !== null) throw new UsageError(inOptionTerms(issue, raw.drives))
  return v.parse(MachineConfig, input)
}

const OPTION_OF: Record<string, string> = {
  memoryMiB: '--memory',
  cpus: '--cpus',
  cpuModel: '--cpu-model',
  accel: '--accel',
  mouse: '--mouse',
  boot: '--boot',
  firmware: '--firmware',
  vgaBios: '--vga-bios',
  kernel: '--kernel',
  knobs: '--knob',
  debug: '--debug-console',
}

/** A schema's complaint with the option that it is about in place of the field. */
function inOptionTerms(issue: string, drives: readonly DriveArgument[]): string {
  const [, field = '', index = '', rest = ''] = /^([A-Za-z]+)(?:\.(\d+))?[\w.]*: (.*)$/s.exec(issue) ?? []
  const drive = field === 'drives' ? drives[Number(index)] : undefined
  if (drive) return `--${drive.kind} ${drive.text}: ${rest}`
  return Object.hasOwn(OPTION_OF, field) ? `${OPTION_OF[field]}: ${rest}` : issue
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option} ${text}: it is not a whole number`)
  return Number(text)
}

function positive(option: string, text: string): number {
  const number = Number(text)
  if (!(number > 0 && number < 1e9)) throw new UsageError(`${option} ${text}: it is not a positive number`)
  return number
}

/** What commas divide; a comma in a file name is written twice. */
const partsOf = (text: string): string[] =>
  text.split(/(?<!,),(?!,)/).map((part) => part.replaceAll(',,', ','))

const SECRET_FILE = 'secret-file='

const secretFileIn = (option: string, index: number): string[] =>
  index > 0 && option.startsWith(SECRET_FILE) ? [option.slice(SECRET_FILE.length)] : []

/** `FILE[,readonly][,ephemeral][,independent][,bus=…][,format=…][,allow=…][,overlay=…][,secret-file=…]`. */
function parseDrive({ kind, text }: DriveArgument): NonNullable<MachineConfigInput['drives']>[number] {
  const [path = '', ...options] = partsOf(text)
  const wrong = (reason: string) => new UsageError(`--${kind} ${text}: ${reason}`)
  if (!path) throw wrong('the file name is missing')
  const drive: NonNullable<MachineConfigInput['drives']>[number] = {
    kind,
    path: path === 'none' && kind !== 'disk' ? null : path,
  }
  for (const option of options) {
    const [name, value] = option.split('=') as [string, string?]
    if (name === 'readonly' && value === undefined) drive.readonly = true
    else if (name === 'ephemeral' && value === undefined) drive.ephemeral = true
    else if (name === 'independent' && value === undefined && kind === 'disk') drive.independent = true
    else if (name === 'bus' && (value === 'ide' || value === 'virtio')) drive.bus = value
    else if (name === 'format' && isFormat(value)) drive.format = value
    else if (name === 'geometry' && /^\d{1,5}\/\d{1,3}\/\d{1,2}$/.test(value ?? '')) {
      const [cylinders = 0, heads = 0, sectors = 0] = value!.split('/').map(Number)
      drive.geometry = { cylinders, heads, sectors }
    } else if (name === 'overlay' && value) drive.overlay = value
    else if (name === 'allow' && value) drive.allowed = [...(drive.allowed ?? []), value]
    else if (name === 'secret-file' && value && kind === 'disk') continue
    else
      throw wrong(
        `"${option}" is not one of readonly, ephemeral, independent, bus=ide|virtio, format=${DISK_FORMATS.join('|')}, geometry=C/H/S, allow=FILE, overlay=FILE, secret-file=FILE`,
      )
  }
  return drive
}

const isFormat = (name: string | undefined): name is DriveConfig['format'] =>
  DISK_FORMATS.some((format) => format === name)

function parseBoot(text: string | undefined): NonNullable<MachineConfigInput['boot']> {
  return (text?.split(',') ?? []).map((name) => {
    if (name === 'floppy' || name === 'disk' || name === 'cdrom') return name
    throw new UsageError(`--boot ${text}: "${name}" is not one of floppy, cdrom, disk`)
  })
}

/** @returns the file that printing goes to */
function parseParallel(text: string): string | null {
  if (text === 'none') return null
  if (text.startsWith('file:') && text.length > 5) return text.slice(5)
  throw new UsageError(`--parallel ${text}: it is one of file:FILE, none`)
}

function parsePortLog(text: string): { port: number; path: string } {
  const [, number = '', path = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? []
  const port = /^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(number)
    ? Number(number)
    : /^[0-9a-f]{1,4}h$/i.test(number)
      ? parseInt(number, 16)
      : NaN
  if (!(port <= 0xffff))
    throw new UsageError(`--port-log ${text}: it reads PORT=FILE, with a port such as 0x402 or 402h`)
  return { port, path }
}

function parseKnobs(settings: string[]): Record<string, unknown> {
  return Object.fromEntries(
    settings.map((setting) => {
      const equals = setting.indexOf('=')
      const [name, value] =
        equals < 0 ? [setting, 'true'] : [setting.slice(0, equals), setting.slice(equals + 1)]
      if (!KNOBS.includes(name))
        throw new UsageError(`--knob ${setting}: there is no such knob; it is one of ${KNOBS.join(', ')}`)
      if (value === 'true' || value === 'false') return [name, value === 'true']
      const numbers = value.split(',').map(Number)
      if (numbers.some(Number.isNaN))
        throw new UsageError(`--knob ${setting}: the value is neither a number nor true or false`)
      return [name, name === 'floppyTypes' ? numbers : numbers[0]]
    }),
  )
}

function parseDisplay(text: string): 'none' | 'web' {
  if (text === 'none' || text === 'web') return text
  if (text === 'window')
    throw new UsageError('--display window: open the application with npm start, or use --display web')
  throw new UsageError(`--display ${text}: it is one of none, window, web`)
}
