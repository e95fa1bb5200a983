/** ISA interrupts of PIRQA to PIRQD. Two lines for four, so that the ISA cards of old systems keep theirs. */
export const PIRQ_LINES: readonly number[] = [10, 10, 11, 11]
/** Level-triggered: the PCI interrupts, and the one of ACPI. */
export const LEVEL_INTERRUPTS: readonly number[] = [9, 10, 11]

/** Ports of the PIIX4 power management function. */
export const ACPI_PORTS = { base: 0x600, smbus: 0x700 } as const

/** PIRQ (0-3) of a device's pin (1-4): each slot begins one further, as on the boards of the time. */
export const interruptPin = (device: number, pin: number): number => (device - 1 + pin - 1) & 3
