import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findIssue, MachineConfig } from '../../protocol/machine-config.ts'
import { inWords } from '../../protocol/reasons.ts'
import { Media } from '../media/media.ts'
import { importFiles, isConfiguration, planImport, type ImportPlan } from './import-machine.ts'
import { shellWords } from './qemu-command.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-import-'))
  for (const [name, bytes] of [
    ['disk.img', 2 ** 20],
    ['boot.img', 1_474_560],
    ['setup.iso', 2 ** 20],
  ] as const) {
    writeFileSync(file(name), '')
    truncateSync(file(name), bytes)
  }
})
afterEach(() => rmSync(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)

function plan(text: string, allowed: string[] = []): ImportPlan {
  writeFileSync(file('machine'), text)
  const made = planImport(file('machine'), { allowed })
  expect(findIssue(MachineConfig, made.machine)).toBeNull()
  return made
}

const outcomes = ({ items }: ImportPlan, outcome: string): string[] =>
  items.filter((item) => item.outcome === outcome).map(({ item }) => item)
const drives = ({ machine }: ImportPlan): string[] =>
  machine.drives!.map(
    ({ kind, path }) => `${kind} ${path === null ? 'empty' : path.slice(folder.length + 1)}`,
  )

const OVF = `<Envelope xmlns:ovf="o" xmlns:rasd="r">
  <References><File ovf:id="f1" ovf:href="disk.img"/></References>
  <DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Name>Appliance</Name><VirtualHardwareSection>
    <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
      <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>8192</rasd:VirtualQuantity></Item>
    <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
    <Item><rasd:ElementName>disk 1</rasd:ElementName><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent>
      <rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/d1</rasd:HostResource></Item>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>`

describe('a machine of another program', () => {
  it('of VirtualBox is read with its controllers and media', () => {
    const made = plan(`<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.19-linux">
  <Machine uuid="{1}" name="Old &amp; good" OSType="Windows98">
    <Description>for games</Description>
    <MediaRegistry>
      <HardDisks><HardDisk uuid="{d}" location="disk.img" format="RAW"/></HardDisks>
      <DVDImages><Image uuid="{c}" location="setup.iso"/></DVDImages>
    </MediaRegistry>
    <Hardware>
      <CPU count="2"/><Memory RAMSize="128"/><Display controller="VBoxVGA"/>
      <AudioAdapter controller="SB16" enabled="true"/>
      <Network><Adapter slot="0" enabled="true" type="Am79C973"/><Adapter slot="1" enabled="false"/></Network>
    </Hardware>
    <StorageControllers>
      <StorageController name="IDE" type="PIIX4">
        <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{d}"/></AttachedDevice>
        <AttachedDevice type="DVD" port="1" device="0"><Image uuid="{c}"/></AttachedDevice>
      </StorageController>
      <StorageController name="SATA" type="AHCI">
        <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{missing}"/></AttachedDevice>
      </StorageController>
    </StorageControllers>
  </Machine>
</VirtualBox>`)
    expect(made).toMatchObject({ kind: 'VirtualBox', name: 'Old & good', notes: 'for games' })
    expect(made.machine.memoryMiB).toBe(128)
    expect(drives(made)).toEqual(['disk disk.img', 'cdrom setup.iso'])
    expect(outcomes(made, 'substituted')).toEqual(['2 CPU', 'graphics VBoxVGA'])
    expect(outcomes(made, 'dropped')).toEqual([
      'OS type Windows98',
      'network adapter Am79C973 in slot 0',
      'audio SB16',
      'HardDisk at SATA 0:0',
    ])
  })

  it('of VMware is read line by line', () => {
    const made = plan(`.encoding = "UTF-8"
config.version = "8"
displayName = "NT 4"
memsize = "96"
ide0:0.present = "TRUE"
ide0:0.fileName = "disk.img"
ide1:0.present = "TRUE"
ide1:0.deviceType = "cdrom-raw"
ide1:0.fileName = "auto detect"
scsi0:0.present = "FALSE"
scsi0:0.fileName = "gone.vmdk"
floppy0.fileType = "file"
floppy0.fileName = "boot.img"
ethernet0.present = "TRUE"
`)
    expect(made).toMatchObject({ kind: 'VMware', name: 'NT 4' })
    expect(made.machine.memoryMiB).toBe(96)
    expect(drives(made).toSorted()).toEqual(['cdrom empty', 'disk disk.img', 'floppy boot.img'])
    expect(outcomes(made, 'dropped')).toEqual(['ethernet0'])
  })

  it('of OVF is read with the files that its disks refer to', () => {
    const made = plan(OVF)
    expect(made).toMatchObject({ kind: 'OVF', name: 'Appliance' })
    expect(made.machine.memoryMiB).toBe(3072)
    expect(drives(made)).toEqual(['disk disk.img'])
    expect(outcomes(made, 'substituted')).toEqual(['resource 4: 8192 byte * 2^20', 'disk 1'])
  })

  it('of an OVA is read in the archive, whose disks become files of their own', () => {
    writeFileSync(file('vm.ovf'), OVF)
    execFileSync('tar', ['-cf', 'vm.ova', '--format=ustar', 'vm.ovf', 'disk.img'], { cwd: folder })
    const made = planImport(file('vm.ova'))
    expect(made).toMatchObject({ kind: 'OVF', name: 'Appliance', converted: [0] })
    expect(drives(made)).toEqual(['disk vm.ova/disk.img'])
    const media = new Media(importFiles(file('vm.ova')))
    for (const _ of media.convert(file('vm.ova/disk.img'), file('copy.img'), { format: 'raw' }));
    expect(readFileSync(file('copy.img')).equals(readFileSync(file('disk.img')))).toBe(true)
    truncateSync(file('vm.ova'), 2048)
    expect(() => planImport(file('vm.ova'))).toThrow(/cut short/)
  })

  it('of libvirt is read with formats, buses and the boot order', () => {
    const made = plan(`<domain type="kvm"><name>deb</name><memory unit="KiB">262144</memory><vcpu>1</vcpu>
  <os><type arch="i686" machine="pc-i440fx-8.2">hvm</type><boot dev="cdrom"/><boot dev="hd"/></os>
  <devices>
    <disk type="file" device="disk"><driver name="qemu" type="raw"/><source file="${file('disk.img')}"/><target dev="vda" bus="virtio"/></disk>
    <disk type="file" device="cdrom"><target dev="hdc" bus="ide"/><readonly/></disk>
    <disk type="network" device="disk"><source protocol="nbd" name="x"/><target dev="vdb" bus="virtio"/></disk>
    <interface type="network"><model type="virtio"/></interface><tpm/>
  </devices></domain>`)
    expect(made.machine).toMatchObject({ memoryMiB: 256, boot: ['cdrom', 'disk'] })
    expect(made.machine.drives).toMatchObject([
      { bus: 'virtio', format: 'raw' },
      { kind: 'cdrom', path: null },
    ])
    expect(outcomes(made, 'dropped')).toEqual(['disk vdb (virtio)', 'network network virtio', 'device tpm'])
  })

  it('of 86Box is read with the geometry of its disks', () => {
    const made = plan(`[Machine]
machine = ibmps1_2121
cpu_family = i486dx2
mem_size = 8192

[Hard disks]
hdd_01_parameters = 17, 4, 30, 0, ide
hdd_01_fn = disk.img

[Floppy and CD-ROM drives]
fdd_01_type = 35_2hd
fdd_01_fn = boot.img
fdd_02_type = none

[Sound]
sndcard = sb16
`)
    expect(made.machine).toMatchObject({ memoryMiB: 8, cpuModel: '486' })
    expect(made.machine.drives).toMatchObject([
      { kind: 'floppy' },
      { kind: 'disk', geometry: { cylinders: 30, heads: 4, sectors: 17 } },
    ])
    expect(outcomes(made, 'dropped')).toEqual(['sound sb16'])
  })

  it('of a QEMU command line is read as a shell reads it', () => {
    const made = plan(`#!/bin/sh
qemu-system-i386 -name "my dos" -m 1G -cpu pentium2 \\
  -drive file=disk.img,format=raw,if=virtio -fda 'boot.img' -cdrom setup.iso \\
  -boot order=dc -netdev user,id=n -device rtl8139,netdev=n -display none -smp 4
`)
    expect(made).toMatchObject({ kind: 'QEMU', name: 'my dos' })
    expect(made.machine).toMatchObject({ memoryMiB: 1024, cpuModel: 'pentium2', boot: ['cdrom', 'disk'] })
    expect(drives(made)).toEqual(['disk disk.img', 'floppy boot.img', 'cdrom setup.iso'])
    expect(outcomes(made, 'dropped')).toEqual([
      '-netdev user,id=n',
      '-device rtl8139,netdev=n',
      '-display none',
    ])
    expect(shellWords(`a 'b c' "d \\"e" f\\ g`)).toEqual(['a', 'b c', 'd "e', 'f g'])
  })

  it('of UTM is read in its bundle', () => {
    mkdirSync(file('Old.utm/Data'), { recursive: true })
    writeFileSync(file('Old.utm/Data/hd.img'), new Uint8Array(2 ** 20))
    writeFileSync(
      file('Old.utm/config.plist'),
      `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Backend</key><string>QEMU</string><key>ConfigurationVersion</key><integer>4</integer>
  <key>Information</key><dict><key>Name</key><string>Old one</string><key>Notes</key><string>from a Mac</string></dict>
  <key>System</key><dict><key>Architecture</key><string>i386</string><key>CPU</key><string>default</string>
    <key>CPUCount</key><integer>0</integer><key>MemorySize</key><integer>256</integer><key>Target</key><string>pc</string></dict>
  <key>Drive</key><array>
    <dict><key>ImageName</key><string>hd.img</string><key>ImageType</key><string>Disk</string><key>Interface</key><string>IDE</string><key>ReadOnly</key><false/></dict>
    <dict><key>ImageType</key><string>CD</string><key>Interface</key><string>USB</string><key>ReadOnly</key><true/></dict>
    <dict><key>ImageName</key><string>../../../../etc/passwd</string><key>ImageType</key><string>Disk</string><key>Interface</key><string>IDE</string></dict>
  </array>
  <key>Network</key><array><dict><key>Hardware</key><string>rtl8139</string></dict></array>
  <key>Serial</key><array/><key>QEMU</key><dict><key>UEFIBoot</key><true/></dict>
</dict></plist>`,
    )
    const made = planImport(file('Old.utm'))
    expect(made).toMatchObject({ kind: 'UTM', name: 'Old one', notes: 'from a Mac' })
    expect(made.machine.memoryMiB).toBe(256)
    expect(drives(made)).toEqual(['disk Old.utm/Data/hd.img', 'cdrom empty'])
    expect(outcomes(made, 'dropped')).toEqual([
      'network rtl8139',
      'firmware EFI',
      'Data/../../../../etc/passwd',
    ])
    expect(made.missing).toEqual(['Data/../../../../etc/passwd'])
  })

  it('takes what is given for a file that it names and does not have', () => {
    const text = 'qemu-system-i386 -hda C:/vm/gone.img -cdrom away.iso'
    expect(plan(text).missing).toEqual(['C:/vm/gone.img', 'away.iso'])
    const given = new Map([['C:/vm/gone.img', file('disk.img')]])
    const made = planImport(file('machine'), { given })
    expect(drives(made)).toEqual(['disk disk.img', 'cdrom empty'])
    expect(made.missing).toEqual(['away.iso'])
  })

  it('says of a file that cannot be opened why not', () => {
    writeFileSync(file('empty.img'), '')
    mkdirSync(file('folder.img'))
    const made = plan('qemu-system-i386 -hda empty.img -hdb folder.img -hdc https://elsewhere/disk.img')
    const keys = made.items.filter(({ outcome }) => outcome === 'dropped').map(({ reason }) => reason!.key)
    expect(keys).toEqual(['file-empty', 'file-is-folder', 'child-address'])
  })

  it('is told from a medium', () => {
    writeFileSync(file('machine'), 'qemu-system-i386 -hda disk.img')
    expect(isConfiguration(file('machine'))).toBe(true)
    for (const name of ['disk.img', 'boot.img', 'setup.iso', 'gone'])
      expect(isConfiguration(file(name))).toBe(false)
  })

  it('names no file outside of its folder unless that is allowed, and no missing one', () => {
    const outside = '/etc/hostname'
    const text = `qemu-system-i386 -hda ${outside} -hdb gone.img -cdrom ../x.iso`
    const made = plan(text)
    expect(drives(made)).toEqual(['cdrom empty'])
    const dropped = made.items.filter(({ outcome }) => outcome === 'dropped')
    expect(dropped.map(({ reason }) => inWords(reason!))).toEqual([
      expect.stringMatching(/not in its folder; confirm \/etc\/hostname/),
      expect.stringMatching(/is missing/),
      expect.stringMatching(/not in its folder/),
    ])
    expect(dropped.map(({ reason }) => reason!.key)).toEqual([
      'child-outside',
      'child-missing',
      'child-outside',
    ])
    expect(drives(plan(`qemu-system-i386 -cdrom ${file('setup.iso')}`))).toEqual(['cdrom setup.iso'])
  })

  it.each([
    '\n'.repeat(900_000),
    ' '.repeat(900_000) + 'x',
    `<${'a'.repeat(900_000)}`,
    `<a ${'b'.repeat(900_000)}>`,
    `<a ${'b '.repeat(400_000)}`,
    `<!--${'-'.repeat(900_000)}`,
    `[Machine]\nname =${' '.repeat(900_000)}x`,
    `config.version = "8"\nname = ${'"'.repeat(900_000)}x`,
    `qemu-system-i386 -drive ${','.repeat(900_000)}`,
    `qemu-system-i386 '${'x'.repeat(900_000)}`,
  ])('takes no time over a text made to take it (%#)', (text) => {
    const began = performance.now()
    try {
      plan(text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'file-unusable' })
    }
    expect(performance.now() - began).toBeLessThan(3000)
  })

  it('of a QEMU drive may have commas in its name', () => {
    writeFileSync(file('a,b.iso'), 'x')
    expect(drives(plan('qemu-system-i386 -drive file=a,,b.iso,media=cdrom'))).toEqual(['cdrom a,b.iso'])
  })

  it.each([
    ['<!DOCTYPE x [<!ENTITY a "b">]><domain/>', /not understood/],
    ['<domain><name>', /does not end/],
    ['<html></html>', /no program that is known/],
    ['hello', /no configuration that is known/],
    ['<a>'.repeat(200), /nested deeper/],
  ])('is refused in words when it is none (%s)', (text, reason) => {
    expect(() => plan(text)).toThrow(reason)
  })
})
