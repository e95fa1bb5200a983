import { COM_PORTS } from '../com-ports.ts'
import { PIRQ_LINES, interruptPin } from '../pci/routing.ts'
import * as aml from './aml.ts'

const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD']
const ROUTERS = ['PRQA', 'PRQB', 'PRQC', 'PRQD']
const PCI_CONFIG = 2
const LAST_DEVICE = 15
const DISABLED = 0x80

/** A PCI interrupt link: PIRQRC of the ISA bridge. @see ACPI 1.0b, section 6.2; Intel 82371SB datasheet, "PIRQRC" */
function link(index: number): aml.Aml {
  const router = aml.name(ROUTERS[index]!)
  const possible = aml.resources(aml.sharedInterrupts([...new Set(PIRQ_LINES)]))
  return aml.device(
    LINKS[index]!,
    aml.named('_HID', aml.eisaId('PNP0C0F')),
    aml.named('_UID', aml.int(index + 1)),
    aml.named('_PRS', possible),
    aml.method(
      '_STA',
      0,
      aml.when(aml.and(router, aml.int(DISABLED)), aml.giveBack(aml.int(0x09))),
      aml.giveBack(aml.int(0x0b)),
    ),
    aml.method('_DIS', 0, aml.or(router, aml.int(DISABLED), router)),
    aml.named('BUF_', aml.resources(aml.sharedInterrupts([0]))),
    aml.method(
      '_CRS',
      0,
      aml.dwordField(aml.name('BUF_'), 5, 'IRQN'),
      aml.and(router, aml.int(0x0f), aml.name('IRQN')),
      aml.giveBack(aml.name('BUF_')),
    ),
    aml.method('_SRS', 1, aml.dwordField(aml.ARG0, 5, 'IRQS'), aml.store(aml.name('IRQS'), router)),
  )
}

/** Which link each pin of each slot is wired to. */
function routing(): aml.Aml {
  const entries: aml.Aml[] = []
  for (let slot = 1; slot <= LAST_DEVICE; slot++)
    for (let pin = 0; pin < 4; pin++)
      entries.push(
        aml.list(
          aml.int(slot * 0x10000 + 0xffff),
          aml.int(pin),
          aml.name(`\\_SB.${LINKS[interruptPin(slot, pin + 1)]!}`),
          aml.int(0),
        ),
      )
  return aml.list(...entries)
}

/** What of the machine its ACPI tables name. */
export interface DsdtConfig {
  cpus: number
  /** First address of the window for PCI devices. */
  pciMemory: number
  /** How many of COM1 to COM4 there are. */
  serialPorts: number
  ps2Mouse: boolean
}

const legacy = (name: string, id: string, ...descriptors: aml.Aml[]): aml.Aml =>
  aml.device(name, aml.named('_HID', aml.eisaId(id)), aml.named('_CRS', aml.resources(...descriptors)))

function isaBridge({ serialPorts, ps2Mouse }: DsdtConfig): aml.Aml {
  return aml.device(
    'ISA_',
    aml.named('_ADR', aml.int(0x00010000)),
    aml.region('PIRQ', PCI_CONFIG, 0x60, 4),
    aml.scope('\\_SB', aml.byteFields('PCI0.ISA.PIRQ', ROUTERS)),
    legacy('TIMR', 'PNP0100', aml.ioPorts(0x40, 4), aml.irqLine(0)),
    legacy('RTC_', 'PNP0B00', aml.ioPorts(0x70, 4), aml.irqLine(8)),
    legacy('KBD_', 'PNP0303', aml.ioPorts(0x60, 1), aml.ioPorts(0x64, 1), aml.irqLine(1)),
    ...(ps2Mouse ? [legacy('MOU_', 'PNP0F13', aml.irqLine(12))] : []),
    legacy('PIC_', 'PNP0000', aml.ioPorts(0x20, 2), aml.ioPorts(0xa0, 2), aml.irqLine(2)),
    legacy(
      'DMAC',
      'PNP0200',
      aml.ioPorts(0x00, 16),
      aml.ioPorts(0x80, 16),
      aml.ioPorts(0xc0, 32),
      aml.dmaChannel(4),
    ),
    legacy('SPKR', 'PNP0800', aml.ioPorts(0x61, 1)),
    legacy('FPU_', 'PNP0C04', aml.ioPorts(0xf0, 16), aml.irqLine(13)),
    legacy(
      'FDC_',
      'PNP0700',
      aml.ioPorts(0x3f0, 6),
      aml.ioPorts(0x3f7, 1),
      aml.irqLine(6),
      aml.dmaChannel(2),
    ),
    legacy('LPT_', 'PNP0400', aml.ioPorts(0x378, 8), aml.irqLine(7)),
    ...COM_PORTS.slice(0, serialPorts).map(({ base, irq }, index) =>
      aml.device(
        `COM${index + 1}`,
        aml.named('_HID', aml.eisaId('PNP0501')),
        aml.named('_UID', aml.int(index + 1)),
        aml.named('_CRS', aml.resources(aml.ioPorts(base, 8), aml.irqLine(irq))),
      ),
    ),
  )
}

/** Definition blocks of the machine. */
export function dsdtCode(config: DsdtConfig): Uint8Array {
  const { cpus, pciMemory } = config
  const code = [
    aml.scope('\\_PR', ...Array.from({ length: cpus }, (_, index) => aml.processor(`CPU${index}`, index, 0))),
    // SLP_TYP of soft off is 0 on this chipset.
    aml.named('\\_S5', aml.list(aml.int(0), aml.int(0), aml.int(0), aml.int(0))),
    aml.scope(
      '\\_SB',
      aml.device(
        'PCI0',
        aml.named('_HID', aml.eisaId('PNP0A03')),
        aml.named('_ADR', aml.int(0)),
        aml.named('_UID', aml.int(1)),
        aml.named(
          '_CRS',
          aml.resources(
            aml.wordRange(2, 0x0c, 0, 0, 0xff),
            aml.ioPorts(0xcf8, 8),
            aml.wordRange(1, 0x0c, 3, 0, 0xcf7),
            aml.wordRange(1, 0x0c, 3, 0xd00, 0xffff),
            aml.dwordRange(0, 0x0c, 3, 0xa0000, 0xbffff),
            aml.dwordRange(0, 0x0c, 1, pciMemory, 0xfebfffff),
          ),
        ),
        aml.named('_PRT', routing()),
        isaBridge(config),
      ),
      ...LINKS.map((_, index) => link(index)),
    ),
  ]
  return Uint8Array.from(code.flat())
}
