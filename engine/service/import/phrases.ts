import type { ImportItem, ImportPhrase, ImportPhraseKey } from '../../protocol/media.ts'

/** What an account of an import says, in English; windows have it in their own language, by its keys. */
const ENGLISH: Record<ImportPhraseKey, string> = {
  'no-memory-size': 'it is no size of memory',
  'memory-limit': 'a machine here has at most 3 GiB',
  'one-processor-here': 'a machine here has one',
  'two-floppies': 'there are two floppy drives',
  'four-ide': 'there are four IDE drives',
  'no-network': 'network adapters are not there yet',
  'no-sound': 'sound devices are not there yet',
  'no-usb': 'USB is not there yet',
  'one-display': 'it is the one graphics adapter here',
  'other-controller': 'there is no such controller here; the system has to find its disk on IDE',
  'none-here': 'there is none here',
  'no-64-bit': 'a system of 64 bits will not start',
  'no-other-processor': 'a system of 64 bits or of another processor will not start',
  'one-board': 'it is the one board here',
  'bios-only': 'only a BIOS is here',
  'no-such-drive': 'there is no such drive here',
  'no-such-device': 'there is no such device here',
  'source-no-file': 'its source is no file; copy it into one',
  'no-source': 'it has no source',
  'no-drive-named': 'it names no drive that is here',
  'of-qemu': 'it says how QEMU runs, not what the machine is',
  'nothing-alike': 'there is nothing of the kind here',
  'processors-here': 'processors up to the Pentium III are here',
  'no-file-named': 'it names no file',
  'no-local-file': 'it is no file of this computer',
  'own-speed': 'its speed is that of this computer, unless it is capped',
  'no-image': 'it has no image',
  'sets-nothing': 'it sets nothing here; a preset can be taken by hand',
  'current-state-only': 'only the current state of its disks is taken',
  'image-of-folder': 'make an image of it: vitrine media from-folder',
  'unlisted-image': 'its image {uuid} is not in the list of media',
  'first-system': 'one machine is made, of the first',
  'no-file-in-package': 'the package has no file for it',
  'arguments-of-qemu': 'they are QEMU’s own',
  'port-by-hand': 'set where its port leads by hand',
  'in-archive': 'it lies in the archive',
  'read-only-format': 'its format can only be read',
  'file-missing': 'there is no such file',
  'file-folder': 'it is a folder; give an image file',
  'file-device': 'it is a device or pipe; give an image file',
  'file-empty': 'it is empty; give a file with contents or create it with its size',
  'file-no-rights': 'you may not open it; change its permissions or open it read-only',
  'file-being-written':
    'it is being written by {holder}; close it there, or open both read-only or ephemeral',
  'file-address': 'its image {name} is no file but an address, which is never opened',
  'file-outside': 'its image {name} is not in its folder; confirm {path} to let it be read',
  'file-not-there': 'its image {name} is missing: there is no {path}',
  'file-link-outside':
    'its image {name} is a link out of its folder to {target}; confirm {path} to let it be read',
  'file-in-archive': 'it lies in the archive; take it out with tar',
  memory: '{MiB} MiB',
  'one-processor': 'one processor',
  'most-here': 'the most that is here',
  vga: 'VGA with VESA modes',
  'pc-440fx': 'a 440FX PC',
  'pc-32-bit': 'a 32-bit PC',
  'serial-ports': '{count} serial ports with a console',
  'copy-in-qcow2': 'a copy in qcow2',
  floppy: 'a floppy drive with {path}',
  'floppy-empty': 'a floppy drive, empty',
  disk: 'an IDE disk with {path}',
  'disk-empty': 'an IDE disk, empty',
  cdrom: 'an IDE CD-ROM drive with {path}',
  'cdrom-empty': 'an IDE CD-ROM drive, empty',
  plain: '{text}',
}

export const say = (key: ImportPhraseKey, values: ImportPhrase['values'] = {}): ImportPhrase => ({
  key,
  values,
})

/** What is the same in every language: a name, a file, what the host says of one. */
export const plain = (text: string): ImportPhrase => say('plain', { text })

/** What the host or an image says of a file, in its own words where they are none of ours. */
export function whyNot(reason: string): ImportPhrase {
  for (const [key, pattern] of REASONS) {
    const found = pattern.exec(reason)
    if (found) return say(key, { ...found.groups })
  }
  return plain(reason)
}

/** The reasons of files as patterns whose groups are the gaps. */
const REASONS = (Object.keys(ENGLISH) as ImportPhraseKey[])
  .filter((key) => key.startsWith('file-'))
  .map((key): [ImportPhraseKey, RegExp] => {
    const parts = ENGLISH[key].split(/\{(\w+)\}/)
    const pattern = parts.map((part, index) => (index % 2 ? `(?<${part}>.+)` : escaped(part)))
    return [key, new RegExp(`^${pattern.join('')}$`)]
  })

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** An item of an account in English. */
export function inEnglish({ becomes, reason, ...item }: ImportItem): EnglishItem {
  return { ...item, becomes: textOf(becomes), reason: textOf(reason) }
}

/** Empty where there is nothing to say. */
export type EnglishItem = Omit<ImportItem, 'becomes' | 'reason'> & { becomes: string; reason: string }

function textOf(phrase: ImportPhrase | null): string {
  if (!phrase) return ''
  const { key, values } = phrase
  return ENGLISH[key].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}
