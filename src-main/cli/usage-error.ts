import { worded } from '../../engine/protocol/reasons.ts'
/** Wrong use, or a file that cannot be used: one line for the user, exit status 1. */
export class UsageError extends Error {}

/** The line that an error becomes. Codes of the engine name a file or an option with the reason. */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const details =
    'details' in error && typeof error.details === 'object'
      ? (error.details as Record<string, unknown>)
      : null
  if ('code' in error && details) {
    const { path, option, accelerator, device, reason, id, state } = details
    switch (error.code) {
      case 'file-unusable':
        return `${String(path)}: ${worded(reason)}`
      case 'passphrase-missing':
        return `${String(path)}: it is encrypted; give a file with its passphrase (secret-file)`
      case 'passphrase-wrong':
        return `${String(path)}: the passphrase is wrong`
      case 'option-invalid':
        return `${String(option)}: ${worded(reason)}`
      case 'accelerator-unusable':
        return `--accel ${String(accelerator)}: ${worded(reason)}`
      case 'medium-changed':
        return `${String(path)}: it is not what was in ${String(details['drive'])} when the state was saved: ${worded(reason)}; put that image back, or insist with --allow-changed-media`
      case 'state-invalid':
        return `the saved state cannot be used: ${String(device)}: ${worded(reason)}`
      case 'state-too-new':
        return `the saved state was made by a newer version (${String(device)})`
      case 'vm-unknown':
        return `there is no machine "${String(id)}"; see vitrine list`
      case 'vm-inaccessible':
        return `the machine "${String(id)}" cannot be used: ${worded(reason)}`
      case 'vm-locked':
        return `another program runs the machine "${String(id)}": ${worded(details['holder'])}`
      case 'vm-busy':
        return `the machine "${String(id)}" is ${String(state)}`
      case 'vm-has-clones':
        return `the disks of ${String(details['clones'])} build on those of "${String(id)}"`
      case 'machine-folder-unusable':
        return `it is no folder of a machine that can be used: ${worded(reason)}`
      case 'machine-folder-known':
        return `this machine is in the library already: ${String(details['name'])}`
      case 'machine-folder-inside':
        return `${String(path)}: it lies inside of the library; only a copy of it can be added (--copy)`
      case 'snapshot-unknown':
        return `there is no snapshot "${String(details['snapshot'])}"; see vitrine snapshot list`
      case 'snapshot-unusable':
        return `the snapshot "${String(details['name'])}" cannot be used: ${worded(reason)}`
      case 'snapshot-chain':
        return 'the disk lies in 500 files, one over the other; those of deleted snapshots are merged beside the guest, or when the machine is off'
      case 'snapshot-limit':
        return `a machine has at most ${String(details['limit'])} snapshots; delete some`
      case 'bad-request':
        return worded(reason)
    }
  }
  return error.message.split('\n')[0] ?? ''
}
