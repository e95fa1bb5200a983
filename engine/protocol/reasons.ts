/**
 * Why something of everyday use did not work, in the words that logs and the command line have. Whoever gives one of these
 * takes it from here, so that a window can find which it is and say it in the language of its user. `{…}` stands for what is
 * different each time.
 */
export const REASONS = {
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
  'floppy-too-large': 'its {bytes} bytes fit on no floppy; open it as a disk or CD',
  'floppy-size':
    '{bytes} bytes are no known floppy format; it is truncated, or pad it with zeros (the next size is {next} bytes)',
  'disc-size': 'its size of {bytes} bytes is not a multiple of 2048; it is truncated or no CD image',
  'disc-truncated': 'it is truncated: {bytes} bytes of the {whole} that its volume has; fetch it again',

  'record-missing': 'vm.json is missing',
  'record-forbidden': 'vm.json may not be read',
  'record-damaged': 'vm.json is damaged: {detail}',
  'record-newer': 'vm.json was written by a newer version of Vitrine (format {format})',
  'record-too-large': 'vm.json is far too large',
  'folder-gone': 'its folder {folder} is not there',
  'folder-of-library': 'it holds the library itself',
  'folder-missing': '{folder} is no folder',

  'process-killed': 'the process of the machine was ended by {signal}',
  'process-ended': 'the process of the machine ended with status {status}',

  'drives-floppy': '{count} floppy drives, but the controller takes {most}',
  'drives-ide': '{count} IDE disks and CD-ROMs, but the two channels take {most}',
  'drives-virtio': '{count} virtio disks, but there is room for {most}',
  'disk-empty': 'a disk drive needs a file',
  'mouse-port': 'the mouse is on COM{port}, which is not there: serialPorts is {ports}',
  'machine-held': 'process {process} on {host}',

  'accelerator-wanted': 'it was asked for',
  'kvm-whole': 'KVM is there and whole',
  'kvm-missing':
    '{device} is not there: the processor has no virtualisation, it is switched off in the firmware, or the kvm module is not loaded',
  'kvm-forbidden':
    '{device} may not be opened: your user must be a member of the group kvm (sudo usermod -aG kvm "$USER", then log in again)',
  'kvm-module': '{device} has no module behind it: load kvm_intel or kvm_amd',
  'kvm-elsewhere': 'KVM is for 64-bit x86 Linux, and this is {system} on {processor}',

  'export-processor': 'the processor: the other program’s own; OVF names none',
  'export-early-processor': 'processor {model}: QEMU has none; a 486 takes its place',
  'export-newest-processor': 'processor: as a Pentium III; QEMU has later ones too',
  'export-kvm': 'it runs by KVM; change type="kvm" to "qemu" where there is none',
  'export-virtio': 'virtio disks: the other program puts them on its own controller; OVF has no such one',
  'export-boot': 'boot order {order}: set it there; OVF has none',
  'export-serial': 'serial ports: OVF has none',
  'export-geometry': 'cylinders, heads and sectors of disks: the other program chooses them by itself',
  'export-immutable': 'immutable disks: what is written to the copies stays',
  'export-kernel': 'the kernel that is started instead of a drive: set it there',
  'export-firmware': 'firmware of its own: set it there',
  'export-speed': 'the limit of instructions a second',
  'export-local-time': 'the clock in local time: set it there; OVF has none',
  'export-qemu-geometry': '{drive}: QEMU chooses its cylinders, heads and sectors by itself',
  'export-qemu-empty': '{drive}: QEMU has no drive of this kind at this place when it is empty',
  'export-qemu-modules': 'modules of the kernel: give them by hand',
  'export-qemu-speed': 'the limit of instructions a second: QEMU has -icount instead',
  'export-qemu-mouse': 'mouse on {port}: QEMU has it as -serial msmouse, beside its PS/2 mouse',
  'export-saved': 'its saved state stays here: the disks are as they were then',

  'kvm-no-paging': 'KVM is limited on this host: it cannot switch paging on',
  'kvm-no-sse': 'KVM is limited on this host: it cannot run SSE instructions',
  'kvm-no-model': 'KVM is limited on this host: it cannot show the processor model that was asked for',
} as const
export type ReasonKey = keyof typeof REASONS
export type ReasonValues = Readonly<Record<string, string | number>>

/** The words of a reason. */
export const reasonOf = (key: ReasonKey, values: ReasonValues = {}): string =>
  REASONS[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))

const PATTERNS = Object.entries(REASONS).map(([key, words]) => ({
  key: key as ReasonKey,
  pattern: new RegExp(
    `^${words.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, '(?<$1>.+?)')}$`,
    's',
  ),
}))

/** Which reason the words are, with what differs in it; null for one that is not of everyday use. */
export function knownReason(words: string): { key: ReasonKey; values: ReasonValues } | null {
  for (const { key, pattern } of PATTERNS) {
    const match = pattern.exec(words)
    if (match) return { key, values: { ...match.groups } }
  }
  return null
}
