/** What is wrong with floppies, discs and disks that hold what they should not. */
export const media = {
  'floppy-too-large': 'its {bytes} bytes fit on no floppy; open it as a disk or CD',
  'floppy-size':
    '{bytes} bytes are no known floppy format; it is truncated, or pad it with zeros (the next size is {next} bytes)',
  'disc-size': 'its size of {bytes} bytes is not a multiple of 2048; it is truncated or no CD image',
  'disc-truncated': 'it is truncated: {bytes} bytes of the {whole} that its volume has; fetch it again',
  'no-file-system': 'no file system that can be read is in it (FAT, ISO 9660 and ext2 to ext4 are)',
} as const
