#!/bin/sh
# Builds a hard disk with a small Debian for 32-bit PCs: ext4 in one partition, started by EXTLINUX from the MBR.
# Runs as root in a mount namespace of its own, so that nothing stays mounted however it ends:
#   unshare --mount sh debian-disk.sh TARGET SUITE MIRROR ARCHIVE-KEYRING
set -eu
target=$1 suite=$2 mirror=$3 keyring=$4
mib=900
start_mib=1

truncate -s "${mib}M" "$target"
echo 'start=2048, type=83, bootable' | sfdisk --quiet "$target"
# EXTLINUX 6 reads ext4 without the features of large disks.
mkfs.ext4 -q -F -L vitrine -O '^64bit,^metadata_csum' -E "offset=$((start_mib << 20))" \
  "$target" "$(((mib - start_mib) * 1024))k"

root=$(mktemp -d)
trap 'umount -R "$root" 2>/dev/null || true; rmdir "$root"' EXIT
mount --make-rprivate /
mount -o "loop,offset=$((start_mib << 20))" "$target" "$root"
debootstrap --arch=i386 --variant=minbase --keyring="$keyring" \
  --include=systemd-sysv,udev,kmod,linux-image-686 "$suite" "$root" "$mirror"

echo vitrine >"$root/etc/hostname"
echo '/dev/sda1 / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
echo 'root:vitrine' | chroot "$root" chpasswd
ln -s /lib/systemd/system/serial-getty@.service \
  "$root/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

mkdir -p "$root/boot/extlinux"
cat >"$root/boot/extlinux/extlinux.conf" <<'CONFIG'
DEFAULT linux
LABEL linux
  KERNEL /vmlinuz
  INITRD /initrd.img
  APPEND root=/dev/sda1 ro quiet
CONFIG
extlinux --install "$root/boot/extlinux"
umount "$root"
dd if=/usr/lib/EXTLINUX/mbr.bin of="$target" bs=440 count=1 conv=notrunc status=none
