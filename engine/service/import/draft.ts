import { MAX_MEMORY_MIB, type MachineConfigInput } from '../../protocol/machine-config.ts'

/** What becomes of one thing that another program's machine has. */
export interface ImportItem {
  /** As the other program names it. */
  item: string
  outcome: 'mapped' | 'substituted' | 'dropped'
  /** What it is here; empty when it is dropped. */
  becomes: string
  /** Why it is not what it was; empty when it is. */
  reason: string
}

type Drive = NonNullable<MachineConfigInput['drives']>[number]

const MAX_FLOPPIES = 2
const MAX_IDE_DRIVES = 4

/** A machine as it is read from another program's configuration, with an account of every item. */
export class ImportDraft {
  name = ''
  notes = ''
  memoryMiB = 64
  cpuModel: MachineConfigInput['cpuModel'] = 'max'
  boot: NonNullable<MachineConfigInput['boot']> = []
  serialPorts = 1
  readonly drives: Drive[] = []
  readonly items: ImportItem[] = []

  mapped(item: string, becomes: string): void {
    this.items.push({ item, outcome: 'mapped', becomes, reason: '' })
  }

  substituted(item: string, becomes: string, reason: string): void {
    this.items.push({ item, outcome: 'substituted', becomes, reason })
  }

  dropped(item: string, reason: string): void {
    this.items.push({ item, outcome: 'dropped', becomes: '', reason })
  }

  /** @param MiB as the configuration says; null when that is no number */
  setMemory(item: string, MiB: number | null): void {
    if (MiB === null || !Number.isFinite(MiB) || MiB <= 0)
      return this.dropped(item, 'it is no size of memory')
    const whole = Math.max(1, Math.floor(MiB))
    this.memoryMiB = Math.min(whole, MAX_MEMORY_MIB)
    if (whole > MAX_MEMORY_MIB)
      this.substituted(item, `${MAX_MEMORY_MIB} MiB`, 'a machine here has at most 3 GiB')
    else this.mapped(item, `${whole} MiB`)
  }

  setProcessors(item: string, count: number): void {
    if (count > 1) this.substituted(item, 'one processor', 'a machine here has one')
    else this.mapped(item, 'one processor')
  }

  /** @param reason why a controller of another kind takes its place; null when it is IDE or a floppy drive as it was */
  addDrive(item: string, drive: Drive, reason: string | null = null): void {
    const isFloppy = drive.kind === 'floppy'
    const taken = this.drives.filter(({ kind }) => (kind === 'floppy') === isFloppy).length
    if (taken >= (isFloppy ? MAX_FLOPPIES : MAX_IDE_DRIVES))
      return this.dropped(item, isFloppy ? 'there are two floppy drives' : 'there are four IDE drives')
    this.drives.push(drive)
    const becomes = `${NAMES[drive.kind]}${drive.path === null ? ', empty' : ` with ${drive.path}`}`
    if (reason === null) this.mapped(item, becomes)
    else this.substituted(item, becomes, reason)
  }

  setNetwork(item: string): void {
    this.dropped(item, 'network adapters are not there yet')
  }

  setSound(item: string): void {
    this.dropped(item, 'sound devices are not there yet')
  }

  setDisplay(item: string): void {
    this.substituted(item, 'VGA with VESA modes', 'it is the one graphics adapter here')
  }
}

const NAMES = { floppy: 'a floppy drive', disk: 'an IDE disk', cdrom: 'an IDE CD-ROM drive' }

/** Why a disk of another controller is on IDE. */
export const OTHER_CONTROLLER = 'there is no such controller here; the system has to find its disk on IDE'
