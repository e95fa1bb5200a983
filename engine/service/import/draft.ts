import { MAX_MEMORY_MIB, type MachineConfigInput } from '../../protocol/machine-config.ts'
import type { ImportItem } from '../../protocol/media.ts'
import { because, type PlainReasonKey, type Reason } from '../../protocol/reasons.ts'

/** A reason, or the key of one that needs no more. */
type Words = Reason | PlainReasonKey

const reasonOf = (words: Words): Reason => (typeof words === 'string' ? because(words) : words)

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

  mapped(item: string, becomes: Words): void {
    this.items.push({ item, outcome: 'mapped', becomes: reasonOf(becomes), reason: null })
  }

  substituted(item: string, becomes: Words, reason: Words): void {
    this.items.push({ item, outcome: 'substituted', becomes: reasonOf(becomes), reason: reasonOf(reason) })
  }

  dropped(item: string, reason: Words): void {
    this.items.push({ item, outcome: 'dropped', becomes: null, reason: reasonOf(reason) })
  }

  /** @param MiB as the configuration says; null when that is no number */
  setMemory(item: string, MiB: number | null): void {
    if (MiB === null || !Number.isFinite(MiB) || MiB <= 0) return this.dropped(item, 'import-no-memory-size')
    const whole = Math.max(1, Math.floor(MiB))
    this.memoryMiB = Math.min(whole, MAX_MEMORY_MIB)
    if (whole > MAX_MEMORY_MIB)
      this.substituted(item, because('import-memory', { MiB: MAX_MEMORY_MIB }), 'import-memory-limit')
    else this.mapped(item, because('import-memory', { MiB: whole }))
  }

  setProcessors(item: string, count: number): void {
    if (count > 1) this.substituted(item, 'import-one-processor', 'import-one-processor-here')
    else this.mapped(item, 'import-one-processor')
  }

  /** @param reason why a controller of another kind takes its place; null when it is IDE or a floppy drive as it was */
  addDrive(item: string, drive: Drive, reason: PlainReasonKey | null = null): void {
    const isFloppy = drive.kind === 'floppy'
    const taken = this.drives.filter(({ kind }) => (kind === 'floppy') === isFloppy).length
    if (taken >= (isFloppy ? MAX_FLOPPIES : MAX_IDE_DRIVES))
      return this.dropped(item, isFloppy ? 'import-two-floppies' : 'import-four-ide')
    this.drives.push(drive)
    const { kind, path } = drive
    const becomes = path === null ? because(`import-${kind}-empty`) : because(`import-${kind}`, { path })
    if (reason === null) this.mapped(item, becomes)
    else this.substituted(item, becomes, reason)
  }

  setNetwork(item: string): void {
    this.dropped(item, 'import-no-network')
  }

  setSound(item: string): void {
    this.dropped(item, 'import-no-sound')
  }

  setDisplay(item: string): void {
    this.substituted(item, 'import-vga', 'import-one-display')
  }
}
