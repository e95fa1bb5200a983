import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  buildInitrd,
  buildIsolinuxCd,
  buildSyslinuxFloppy,
  buildWithFiles,
  buildWithLine,
  type Contents,
} from './guests/builders.ts'
import {
  cacheFolder,
  debianPackage,
  dependencyOf,
  GuestMissing,
  KEYRING,
  mainArchives,
  once,
  runTool,
} from './guests/packages.ts'

export { GuestMissing }

const packageFile = async (name: string, path: string): Promise<string> => {
  const file = join(await debianPackage(name), path)
  if (!existsSync(file)) throw new GuestMissing(`package ${name} has no ${path}`)
  return file
}

const image = (name: string, make: (draft: string) => Promise<void>): Promise<string> =>
  once(cacheFolder('images', name), make)

/** Floppy images that stand beside the project, or where VITRINE_IMAGES says. */
async function sharedImage(name: string): Promise<string> {
  const folder = process.env.VITRINE_IMAGES ?? join(import.meta.dirname, '../../../shared/images')
  const file = join(folder, name)
  if (!existsSync(file)) throw new GuestMissing(`needs ${name} in ../shared/images (or VITRINE_IMAGES)`)
  return file
}

/** FreeDOS told to halt the processor while it waits; without that it polls. */
async function haltingFreedos(): Promise<string> {
  const floppy = await sharedImage('freedos722.img')
  return image('freedos-halting.img', (draft) => buildWithLine(draft, floppy, 'CONFIG.SYS', 'IDLEHALT=1'))
}

/** Without the memory manager, which wants a 386. */
async function plainFreedos(): Promise<string> {
  const floppy = await sharedImage('freedos722.img')
  const files = {
    'CONFIG.SYS': 'LASTDRIVE=Z\r\nFILES=20\r\n',
    'AUTOEXEC.BAT': '@echo off\r\nset PATH=A:\\FDOS\r\n',
  }
  return image('freedos-plain.img', (draft) => buildWithFiles(draft, floppy, files))
}

async function gnumach(): Promise<string> {
  const folder = await debianPackage('gnumach-image-1.8-486', 'i386')
  return image('gnumach-1.8-486', async (draft) => {
    await writeFile(draft, gunzipSync(await readFile(join(folder, 'boot/gnumach-1.8-486.gz'))))
  })
}

/** A Linux kernel with a RAM disk of our own: it says what it finds, then obeys commands on ttyS0. */
async function smallLinux(): Promise<{ kernel: string; initrd: string }> {
  const kernelPackage = await dependencyOf('linux-image-686', /^linux-image-\d.*-686$/)
  const folder = await debianPackage(kernelPackage, 'i386')
  const busybox = await debianPackage('busybox-static', 'i386')
  const drivers = join(folder, 'lib/modules', kernelPackage.replace('linux-image-', ''), 'kernel/drivers')
  const initrd = await image('small-linux-2.cpio', (draft) =>
    buildInitrd(draft, {
      'bin/busybox': { file: join(busybox, 'bin/busybox') },
      init: { text: INIT },
      ...Object.fromEntries(
        VIRTIO_MODULES.map((name, index) => [`modules/${index}`, { file: join(drivers, `${name}.ko`) }]),
      ),
    }),
  )
  return { kernel: join(folder, 'boot', kernelPackage.replace('linux-image-', 'vmlinuz-')), initrd }
}

/** In the order in which they need each other; `modules/0` and so on in the RAM disk. */
const VIRTIO_MODULES = [
  'virtio/virtio',
  'virtio/virtio_ring',
  'virtio/virtio_pci_modern_dev',
  'virtio/virtio_pci_legacy_dev',
  'virtio/virtio_pci',
  'block/virtio_blk',
]

const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
echo "small linux: $(/bin/busybox uname -m) $(/bin/busybox grep -m1 'model name' /proc/cpuinfo)"
/bin/busybox --install -s /bin
exec /bin/busybox setsid /bin/busybox cttyhack /bin/busybox sh
`

/** HDT on a floppy: SYSLINUX, its 32-bit modules, a long look at the hardware. */
async function hdtFloppy(): Promise<string> {
  const modules = join(await debianPackage('syslinux-common'), 'usr/lib/syslinux/modules/bios')
  const installer = await packageFile('syslinux', 'usr/bin/syslinux')
  const names = ['ldlinux.c32', 'hdt.c32', 'libcom32.c32', 'libgpl.c32', 'libmenu.c32', 'libutil.c32']
  const contents: Contents = {
    ...Object.fromEntries(names.map((name) => [name, { file: join(modules, name) }])),
    'syslinux.cfg': { text: 'DEFAULT hdt.c32\n' },
  }
  return image('hdt.img', (draft) => buildSyslinuxFloppy(draft, installer, contents))
}

/** The graphical VBE menu of SYSLINUX, from a CD. */
async function vesamenuCd(): Promise<string> {
  const modules = join(await debianPackage('syslinux-common'), 'usr/lib/syslinux/modules/bios')
  const loader = await packageFile('isolinux', 'usr/lib/ISOLINUX/isolinux.bin')
  const names = ['ldlinux.c32', 'vesamenu.c32', 'libcom32.c32', 'libutil.c32']
  const contents: Contents = {
    'isolinux/isolinux.bin': { file: loader },
    ...Object.fromEntries(names.map((name) => [`isolinux/${name}`, { file: join(modules, name) }])),
    'isolinux/isolinux.cfg': {
      text: 'DEFAULT vesamenu.c32\nMENU TITLE Vitrine test menu\nLABEL one\nMENU LABEL First entry\nLOCALBOOT -1\n',
    },
  }
  return image('vesamenu.iso', (draft) => buildIsolinuxCd(draft, contents))
}

async function installer(): Promise<{ kernel: string; initrd: string }> {
  const inside = 'usr/lib/debian-installer/images/12/i386/text/debian-installer/i386'
  const name = 'debian-installer-12-netboot-i386'
  return {
    kernel: await packageFile(name, `${inside}/linux`),
    initrd: await packageFile(name, `${inside}/initrd.gz`),
  }
}

/** A hard disk with a small Debian, built once in some minutes: user root, password vitrine. */
async function debianDisk(): Promise<string> {
  return image('debian-12-i386.img', async (draft) => {
    if (process.getuid?.() !== 0) throw new GuestMissing('building a Debian disk needs root, to mount it')
    const [archive] = await mainArchives()
    if (!archive) throw new GuestMissing('this machine has no Debian archive')
    const script = join(import.meta.dirname, 'guests/debian-disk.sh')
    const args = [script, draft, archive.suite, archive.mirror, KEYRING]
    await runTool('unshare', ['--mount', 'sh', ...args], { debian: 'util-linux', timeoutMs: 1_800_000 })
  })
}

/** Every guest of the tests by name. Each call gives paths, or throws GuestMissing with the reason. */
export const guestImages = {
  memtest: () => packageFile('memtest86+', 'boot/memtest86+ia32.bin'),
  memtestCd: () => packageFile('memtest86+', 'usr/lib/memtest86+/memtest86+ia32.iso'),
  grubFloppy: () => packageFile('grub-rescue-pc', 'usr/lib/grub-rescue/grub-rescue-floppy.img'),
  grubCd: () => packageFile('grub-rescue-pc', 'usr/lib/grub-rescue/grub-rescue-cdrom.iso'),
  ipxe: () => packageFile('ipxe', 'boot/ipxe.lkrn'),
  ipxeCd: () => packageFile('ipxe', 'usr/lib/ipxe/ipxe.iso'),
  invaders: () => packageFile('grub-invaders', 'boot/invaders.exec'),
  gnumach,
  debianDisk,
  installer,
  smallLinux,
  hdtFloppy,
  vesamenuCd,
  memdisk: () => packageFile('syslinux-common', 'usr/lib/syslinux/memdisk'),
  seabios: () => packageFile('seabios', 'usr/share/seabios/bios-256k.bin'),
  seabios128: () => packageFile('seabios', 'usr/share/seabios/bios.bin'),
  seaVgaBios: () => packageFile('seabios', 'usr/share/seabios/vgabios-stdvga.bin'),
  uBoot: () => packageFile('u-boot-qemu', 'usr/lib/u-boot/qemu-x86/u-boot.rom'),
  grubFirmware: () => packageFile('grub-firmware-qemu', 'usr/share/qemu/grub.bin'),
  haltingFreedos,
  plainFreedos,
  freedos: () => sharedImage('freedos722.img'),
  kolibri: () => sharedImage('kolibri.img'),
  mikeos: () => sharedImage('mikeos.flp'),
}
