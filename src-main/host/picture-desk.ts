import type { HostContract } from '../../engine/protocol/host-contract.ts'
import type { CallHandlers } from '../../engine/protocol/rpc.ts'
import type { VmLibrary } from './library.ts'
import { readPicture, writePicture } from './machine-picture.ts'

export type PictureCall = 'picture' | 'setPicture'

/** What the calls about pictures need of the host that they belong to. */
interface Host {
  exclusively<T>(id: string, change: () => Promise<T>): Promise<T>
  changed(id: string): Promise<void>
}

/** Answers what windows ask about the pictures that users give machines. */
export const pictureCalls = (
  library: VmLibrary,
  host: Host,
): Pick<CallHandlers<HostContract>, PictureCall> => ({
  picture: async ({ id }) => {
    await library.get(id)
    return readPicture(library.folderOf(id))
  },
  setPicture: ({ id, picture }) =>
    host.exclusively(id, async () => {
      await library.get(id)
      await writePicture(library.folderOf(id), picture)
      await host.changed(id)
    }),
})
