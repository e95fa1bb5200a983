import { computed, type ComputedRef } from 'vue'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import type { DriveStatus, VmSummary } from '../../engine/protocol/vm.ts'
import { fileName } from '../components/file-name.ts'
import { useLocale } from '../stores/locale.ts'
import { useMachines } from '../stores/machines.ts'
import { useNotices } from '../stores/notices.ts'
import { useImages } from './use-images.ts'

export interface MediaShelf {
  label: 'drive.recent' | 'drive.putIn'
  images: ImageChoice[]
}

/** Changing the medium of a drive, wherever that is offered. Failures are shown to the user. */
export interface DriveMedia {
  /** What can go into a drive of that kind: what was used, the last first, and the rest by name; without what is empty. */
  readonly shelves: ComputedRef<(kind: DriveStatus['kind']) => MediaShelf[]>
  load(): Promise<void>
  insert(drive: DriveStatus, image: ImageChoice | null): void
  eject(drive: DriveStatus): void
  /** Asks the user for an image. */
  browse(drive: DriveStatus): Promise<void>
  /** A file that was dropped goes in. */
  take(drive: DriveStatus, file: File): Promise<void>
}

export function useDriveMedia(machine: () => VmSummary): DriveMedia {
  const machines = useMachines()
  const notices = useNotices()
  const shelf = useImages()
  const { t } = useLocale()

  function insert(drive: DriveStatus, image: ImageChoice | null): void {
    if (!image) return
    void notices.attempt(t('drive.notIn', { name: image.name }), () =>
      machines.insert(machine().id, drive.id, image.id),
    )
  }
  return {
    shelves: computed(() => (kind) => {
      const images = shelf.images.value
        .filter((image) => image.kind === kind)
        .toSorted((a, b) => (b.usedMs ?? 0) - (a.usedMs ?? 0) || a.name.localeCompare(b.name))
      const shelves: MediaShelf[] = [
        { label: 'drive.recent', images: images.filter(({ usedMs }) => usedMs !== null) },
        { label: 'drive.putIn', images: images.filter(({ usedMs }) => usedMs === null) },
      ]
      return shelves.filter((one) => one.images.length > 0)
    }),
    load: () => shelf.load(),
    insert,
    eject: (drive) =>
      void notices.attempt(t('drive.notOut', { name: fileName(drive.medium) ?? '' }), () =>
        machines.eject(machine().id, drive.id),
      ),
    browse: async (drive) => insert(drive, await shelf.choose()),
    take: async (drive, file) => insert(drive, await shelf.take(file)),
  }
}
