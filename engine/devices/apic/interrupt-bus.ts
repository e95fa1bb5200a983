/** Delivery modes of interrupt messages, as the ICR, local vectors and redirection entries encode them. */
export const DELIVERY = {
  FIXED: 0,
  LOWEST_PRIORITY: 1,
  SMI: 2,
  NMI: 4,
  INIT: 5,
  STARTUP: 6,
  EXTINT: 7,
} as const

export interface InterruptMessage {
  /** One of DELIVERY; the reserved mode 3 is delivered to nobody. */
  mode: number
  vector: number
  /** Level-triggered: its end is told to the I/O APICs. */
  level: boolean
  /** 8 bits: an APIC identifier, FFh for all, or a logical set. */
  destination: number
  logical: boolean
}

/** A local APIC, seen from the bus. */
export interface InterruptReceiver {
  isAddressed(destination: number, logical: boolean): boolean
  /** False when it does not take the interrupt, being disabled. */
  receive(message: InterruptMessage): boolean
  /** Arbitration priority: the lower, the sooner it is given a lowest-priority interrupt. */
  readonly arbitrationPriority: number
  /** It has this vector pending or in service, and so is the focus of a lowest-priority interrupt. */
  hasVector(vector: number): boolean
}

/** An I/O APIC, seen from the bus. */
export interface InterruptSource {
  /** A processor ended a level-triggered interrupt. */
  endOfInterrupt(vector: number): void
  /** A receiver became able to take interrupts that it refused before. */
  retry(): void
}

/** What carries messages between the APICs of a machine. It has no state of its own. */
export class InterruptBus {
  readonly #receivers: InterruptReceiver[] = []
  readonly #sources: InterruptSource[] = []

  attachReceiver(receiver: InterruptReceiver): void {
    this.#receivers.push(receiver)
  }

  attachSource(source: InterruptSource): void {
    this.#sources.push(source)
  }

  /** True when somebody took the interrupt. */
  send(message: InterruptMessage): boolean {
    const { mode, destination, logical } = message
    if (mode === DELIVERY.LOWEST_PRIORITY) return this.#sendToLowest(message)
    let taken = false
    for (const receiver of this.#receivers)
      if (receiver.isAddressed(destination, logical)) taken = receiver.receive(message) || taken
    return taken
  }

  /** To every processor, or every one but the sender. */
  broadcast(message: InterruptMessage, except: InterruptReceiver | null): void {
    for (const receiver of this.#receivers) if (receiver !== except) receiver.receive(message)
  }

  endOfInterrupt(vector: number): void {
    for (const source of this.#sources) source.endOfInterrupt(vector)
  }

  retry(): void {
    for (const source of this.#sources) source.retry()
  }

  #sendToLowest(message: InterruptMessage): boolean {
    const { vector, destination, logical } = message
    const addressed = this.#receivers.filter((receiver) => receiver.isAddressed(destination, logical))
    const focus = addressed.find((receiver) => receiver.hasVector(vector))
    if (focus) return focus.receive(message)
    addressed.sort((a, b) => a.arbitrationPriority - b.arbitrationPriority)
    return addressed.some((receiver) => receiver.receive(message))
  }
}
