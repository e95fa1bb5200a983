import type { DriveConfig } from '../../protocol/machine-config.ts'
import type { SourceOptions } from './open-medium.ts'

/**
 * The image in a drive as the guest sees it: over a disk that only takes writes beside it lies what took them.
 * @param drive with a medium and absolute paths
 */
export function driveSource({ path, overlay, ephemeral, format, allowed = [] }: DriveConfig): {
  path: string
  options: SourceOptions
} {
  if (overlay !== undefined && !ephemeral)
    return { path: overlay, options: { format: 'qcow2', allowed: [...allowed, path!] } }
  return { path: path!, options: { format: format === 'auto' ? undefined : format, allowed } }
}
