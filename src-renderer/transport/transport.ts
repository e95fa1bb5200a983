import type { Channel } from '../../engine/protocol/channel.ts'
import type { FolderPurpose, ImagePurpose } from '../../engine/protocol/desktop-bridge.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import type { CallTask } from '../../engine/protocol/rpc.ts'

/** Where frames come from: a port that also takes acknowledgements, or a stream that is asked for by the view's name. */
export type FrameSource = { kind: 'port'; port: MessagePort } | { kind: 'stream'; url: string }

export interface ViewLink {
  channel: Channel
  /** @param view the name that the machine gave this view */
  frames(view: string): FrameSource
}

/** All in which the desktop window and the page in a browser differ. */
export interface Transport {
  /** How the user gives an image: by the system's file dialog, or by an upload. */
  readonly imagesBy: 'dialog' | 'upload'
  /** Ends the browser's session; null where there is none to end. */
  readonly logOut: (() => Promise<void>) | null
  openHost(): Promise<Channel>
  openView(id: string): Promise<ViewLink>
  /**
   * @param file one that was dropped, or that is to be uploaded; null asks by the system's dialog
   * @param purpose what the dialog asks for
   * @returns null when the user chose none
   */
  chooseImage(file: File | null, task?: CallTask, purpose?: ImagePurpose): Promise<ImageChoice | null>
  /**
   * The host's id of a folder's place: of one that was dropped, or that the user chooses in the system's dialog when it is
   * null. Null in a browser, which tells what is in a folder and never where it lies.
   */
  readonly placeOf: ((file: File | null, purpose?: FolderPurpose) => Promise<string | null>) | null
}
