/** What is wrong with floppies, discs and disks that hold what they should not. */
export const media = {
  'floppy-too-large': 'its {bytes} bytes fit on no floppy; open it as a disk or CD',
  'floppy-size':
    '{bytes} bytes are no known floppy format; it is truncated, or pad it with zeros (the next size is {next} bytes)',
  'disc-size': 'its size of {bytes} bytes is not a multiple of 2048; it is truncated or no CD image',
  'disc-truncated': 'it is truncated: {bytes} bytes of the {whole} that its volume has; fetch it again',
  'no-file-system': 'no file system that can be read is in it (FAT, ISO 9660 and ext2 to ext4 are)',
  'disc-too-large': 'it is larger than 128 GiB, the most that a disc can have',
  'sector-missing': 'there is no sector {sector}',
  'disc-read-only': 'a disc is read only',
  'floppy-archive-too-large': 'it is larger than an archive of a floppy can be',
  'floppy-sector-size': 'it has sectors of {bytes} bytes; only floppies with sectors of 512 can be used',
  'floppy-format-unknown':
    '{tracks} tracks on {heads} sides with {sectors} sectors are no known floppy format',
  'floppy-sector-unreadable': 'sector {sector} could not be read from the floppy',
  'copyqm-damaged': 'its CopyQM header is damaged',
  'teledisk-old': 'it is packed by a Teledisk before 2.0, which is unknown',
  'floppy-too-many-sectors': 'it has more sectors than a floppy',
  'floppy-too-many-sectors-held': 'it has more sectors than a floppy holds',
  'f86-compressed': 'it is a compressed 86F image; save it without compression in 86Box',
  'f86-version': 'it is 86F version {major}.{minor}; only 2.12 is known',
  'f86-zones': 'its tracks are of zones, as no floppy of a PC has them',
  'f86-no-mfm': 'it has no sectors of MFM',
  'packed-file': 'it is a {format} file, not an image; unpack it first',
  'foreign-format': 'it is a {format} image, not raw sectors; convert it with vitrine media convert',
} as const
