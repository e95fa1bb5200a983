/// <reference types="vite/client" />
import type { DesktopBridge } from '../engine/protocol/desktop-bridge.ts'

declare global {
  interface Window {
    vitrineDesktop?: DesktopBridge
    /** Lends the page a folder of the user's computer; where the browser has it, and the page came over a secure way. */
    showDirectoryPicker?: (options: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>
  }
}
