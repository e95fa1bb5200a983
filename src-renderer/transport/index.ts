import { desktopTransport } from './desktop.ts'
import type { Transport } from './transport.ts'
import { webTransport } from './web.ts'

export type { FrameSource, Transport } from './transport.ts'

/** The one place that knows which front this is. */
export const transport: Transport = window.vitrineDesktop
  ? desktopTransport(window.vitrineDesktop)
  : webTransport
