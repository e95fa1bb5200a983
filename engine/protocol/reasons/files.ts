/** Why a file of the host cannot be used. */
export const files = {
  technical: '{text}',
  'of-file': '{path}: {reason}',
  'of-device': '{device}: {reason}',

  'file-missing': 'there is no such file; check the name',
  'file-below-file': 'there is no such file; a folder of its path is a file',
  'file-there': 'there is a file of this name already',
  'disk-full': 'no room is left on its disk',
  'file-forbidden': 'you may not open it; change its permissions or open it read-only',
  'file-system-read-only': 'its file system is read-only; open it read-only or ephemeral',
  'file-empty': 'it is empty; give a file with contents or create it with its size',
  'file-is-folder': 'it is a folder; give an image file',
  'file-is-device': 'it is a device or pipe; give an image file',
  'file-grown': 'it is as large as its disk or the rights of this user allow',
  'file-deleted': 'it was deleted while in use',
  'image-written-elsewhere':
    'it is being written by process {process}; close it there, or open both read-only or ephemeral',
  'image-read-elsewhere':
    'it is being read by process {process}; close it there, or open both read-only or ephemeral',
  'image-written-here':
    'it is being written by another drive of this program; close it there, or open both read-only or ephemeral',
  'image-read-here':
    'it is being read by another drive of this program; close it there, or open both read-only or ephemeral',
  'file-link-circle': 'its symbolic links go in a circle',
  'file-name-long': 'its name is too long',
  'files-too-many-open': 'too many files are open',
  'file-running': 'it is a running program',
  'file-too-large-here': 'it is larger than this host can open',
  'file-size-impossible': 'it claims {bytes} bytes, which no disk has',
  'file-not-opened': 'it cannot be opened ({code})',
  'file-not-read': 'it cannot be read ({code})',
  'file-not-written': 'it cannot be written ({code})',
  'file-written-no-more': 'it cannot be written, and takes nothing more ({code})',
  'file-not-resized': 'its size cannot be changed ({code})',
  'file-not-flushed': 'it cannot be flushed ({code})',
  'file-not-closed': 'it cannot be closed ({code})',
  'file-cut-short': 'it was cut short after it was opened',
  'file-closed': 'it was closed',
  'host-wrote-nothing': 'the host wrote nothing',
} as const
