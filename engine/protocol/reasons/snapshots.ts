/** Of snapshots and saved states. */
export const snapshots = {
  'snapshot-memory-missing': 'its memory ({file}) is missing',
  'snapshot-file-missing': '{file} is missing',
  'snapshot-own-file-missing': '{file} in the folder of the machine is missing',
  'snapshot-file-changed': '{file} was changed since it was frozen',
  'snapshot-own-file-changed': '{file} in the folder of the machine was changed since it was frozen',
} as const
