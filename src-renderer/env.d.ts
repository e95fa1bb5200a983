/// <reference types="vite/client" />
import type { DesktopBridge } from '../engine/protocol/desktop-bridge.ts'

declare global {
  interface Window {
    vitrineDesktop?: DesktopBridge
  }
}
