import type { ErrorDetails } from './rpc.ts'

/** What a file is chosen for: a medium, or a configuration of another program. */
export type ImagePurpose = 'image' | 'machine'

/** What a folder is chosen for: to add the machine in it, or to take in what a guest changed. */
export type FolderPurpose = 'machine' | 'changes'

/** What the preload script gives the page of the desktop window, and nothing else. */
export interface DesktopBridge {
  /** Opens the channel to the host anew; the listener gets its messages. */
  openHost(listener: (message: unknown) => void): void
  postToHost(message: unknown): void
  /** Asks for a view; its two ports (session, frames) then come as a window message of kind `vitrine-view`. */
  openView(id: string): Promise<BridgeAnswer>
  /** Shows the system's file dialog. The value is an image, or null when the user chose none. */
  pickImage(purpose: ImagePurpose): Promise<BridgeAnswer>
  /** Takes in a file that was dropped on the window. The value is an image. */
  dropImage(file: unknown): Promise<BridgeAnswer>
  /** Shows the system's dialog for a folder. The value is its id, or null when the user chose none. */
  pickFolder(purpose: FolderPurpose): Promise<BridgeAnswer>
  /** Takes in a folder that was dropped on the window. The value is its id. */
  dropFolder(file: unknown): Promise<BridgeAnswer>
}

export type BridgeAnswer = { value: unknown } | { error: { code: string; details: ErrorDetails } }
