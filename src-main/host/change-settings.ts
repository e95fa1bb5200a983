import { existsSync, rmSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { NEW_OVERLAY } from '../../engine/protocol/disk-mode.ts'
import { withFiles, type MachineConfig } from '../../engine/protocol/machine-config.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { Media } from '../../engine/service/media/media.ts'
import type { VmRecord, VmSettings } from '../../engine/protocol/vm.ts'

/**
 * The record that a window's settings become. A window names no files: every file must be one that the machine
 * has already, a new overlay in its own folder, or the id of an image, and what machines write into outside of their drives is not its to choose.
 * Throws `file-not-chosen`, `bad-request`.
 * @param imagePath place of an image by its id, null when there is no such image
 */
export function changedRecord(
  record: VmRecord,
  wanted: VmSettings,
  imagePath: (id: string) => string | null,
): VmRecord {
  const known = filesOf(record.machine)
  const newOverlays = new Set(
    wanted.machine.drives.flatMap(({ overlay }) =>
      overlay !== undefined && NEW_OVERLAY.test(overlay) ? [overlay] : [],
    ),
  )
  const machine = withFiles(wanted.machine, (path) => {
    const chosen = imagePath(path)
    if (chosen !== null) return chosen
    if (known.has(path) || newOverlays.has(path)) return path
    throw new RpcError('file-not-chosen', { path })
  })
  if (!isDeepStrictEqual(machine.debug, record.machine.debug))
    throw new RpcError('bad-request', {
      name: 'change',
      reason: because('debug-by-hand'),
    })
  return { ...wanted, version: 1, machine, ...(record.snapshots && { snapshots: record.snapshots }) }
}

/**
 * Makes the overlays that a window has thought of, so that they are there for whoever looks for them, and a disk that none
 * can be over is refused at once. Throws `file-unusable`.
 * @param folder of the machine
 */
export function makeOverlays(folder: string, machine: MachineConfig): void {
  const place = (path: string): string => (isAbsolute(path) ? path : join(folder, path))
  for (const { path, overlay, format, allowed = [] } of machine.drives) {
    if (path === null || overlay === undefined || !NEW_OVERLAY.test(overlay)) continue
    if (existsSync(place(overlay))) continue
    const backing = { path: place(path), format: format === 'auto' ? undefined : format }
    const making = new Media().create(
      place(overlay),
      null,
      { format: 'qcow2', backing },
      { allowed: allowed.map(place) },
    )
    for (const _ of making) void _
  }
}

/**
 * Removes the overlays that a change has left behind, as long as nothing was ever written to them. One that holds something
 * stays: it is among the images until the user removes it there.
 * @param folder of the machine
 */
export function removeEmptyOverlays(folder: string, before: VmRecord, after: VmRecord): void {
  const named = JSON.stringify(after)
  for (const { path, overlay, allowed = [] } of before.machine.drives) {
    if (path === null || overlay === undefined || !NEW_OVERLAY.test(overlay) || named.includes(overlay))
      continue
    const place = (name: string): string => (isAbsolute(name) ? name : join(folder, name))
    if (new Media().isEmpty(place(overlay), { allowed: [...allowed, path].map(place) }))
      rmSync(place(overlay))
  }
}

function filesOf(machine: MachineConfig): Set<string> {
  const files = new Set<string>()
  withFiles(machine, (path) => {
    files.add(path)
    return path
  })
  return files
}

/** Whether the hardware differs in what a running or saved machine cannot change: all but the media in its drives. */
export function hardwareDiffers(before: MachineConfig, after: MachineConfig): boolean {
  return !isDeepStrictEqual(withoutMedia(before), withoutMedia(after))
}

const withoutMedia = (machine: MachineConfig) => ({
  ...machine,
  drives: machine.drives.map((drive) => (drive.kind === 'disk' ? drive : { ...drive, path: null })),
})
