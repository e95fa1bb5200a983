import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { ChangesTaken, ChangeTaking, FolderReview } from '../../engine/protocol/folder-review.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import type { CallTask } from '../../engine/protocol/rpc.ts'
import type {
  ImageCompaction,
  ImageConversion,
  ImageReport,
  ImageResize,
  NewImage,
  ShelfImage,
} from '../../engine/protocol/shelf.ts'
import { fromBase64 } from './base64.ts'
import { useMachines } from './machines.ts'

/** All images that the host knows, and work on them. */
export const useShelf = defineStore('shelf', () => {
  const machines = useMachines()
  const images = ref<ShelfImage[] | null>(null)

  async function load(): Promise<void> {
    images.value = await machines.host().call('shelf', undefined)
  }

  /** Does something, and shows what the images are after it. */
  async function then<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } finally {
      await load().catch(() => {})
    }
  }

  return {
    images,
    load,
    make: (wish: NewImage, task: CallTask): Promise<ImageChoice> =>
      then(machines.host().call('makeImage', wish, task)),
    convert: (wish: ImageConversion, task: CallTask): Promise<ImageChoice> =>
      then(machines.host().call('convertImage', wish, task)),
    resize: (wish: ImageResize, task: CallTask): Promise<void> =>
      then(machines.host().call('resizeImage', wish, task)),
    compact: (wish: ImageCompaction, task: CallTask): Promise<{ before: number; after: number }> =>
      then(machines.host().call('compactImage', wish, task)),
    check: (image: string, repair: boolean, task: CallTask): Promise<ImageReport> =>
      then(machines.host().call('checkImage', { image, repair }, task)),
    changePassphrase: (image: string, secret: string, newSecret: string): Promise<void> =>
      then(machines.host().call('changePassphrase', { image, secret, newSecret })),
    review: (image: string, task: CallTask): Promise<FolderReview> =>
      machines.host().call('reviewFolder', { image }, task),
    takeInto: (wish: ChangeTaking, task: CallTask): Promise<ChangesTaken> =>
      machines.host().call('takeChanges', wish, task),
    /** All of a file that the last review listed. */
    reviewed: async (image: string, path: string, bytes: number): Promise<Blob> => {
      const pieces: Uint8Array<ArrayBuffer>[] = []
      for (let from = 0; from < bytes;) {
        const piece = fromBase64(await machines.host().call('reviewedFile', { image, path, from }))
        if (piece.length === 0) break
        pieces.push(piece)
        from += piece.length
      }
      return new Blob(pieces)
    },
    endReview: (image: string): Promise<void> => machines.host().call('endReview', { image }),
    remove: (image: string): Promise<void> => then(machines.host().call('removeImage', { image })),
  }
})
