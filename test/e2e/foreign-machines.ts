import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Media, type TargetOptions } from '../../engine/service/media/media.ts'
import type { MachineConfigInput } from '../../engine/protocol/machine-config.ts'
import type { ImportItem } from '../../engine/protocol/media.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'

/** What the disks of these machines are full of. */
export const DISK_BYTE = 0x5a
export const DISK_BYTES = 2 ** 20

/** A machine as another program keeps it, and what has to be told of it. */
export interface ForeignMachine {
  what: string
  /** Its configuration, below its folder. */
  file: string
  /** Writes all files of it. */
  write(folder: string): void
  /** What the window says of the whole. */
  summary: string
  /** The account, in its order: an outcome, an item, and what is said of it. */
  account: readonly (readonly [ImportItem['outcome'], string, RegExp])[]
  /** Its disk: below its folder, and as the configuration names it; null where it is in the same file. */
  disk: { file: string; name: string } | null
  name: string
  /** What the record has of it. */
  machine: Partial<MachineConfigInput>
  drives: readonly Record<string, unknown>[]
  /** Whether the disk is copied into the folder of the machine. */
  isCopied?: boolean
}

const NO_NETWORK = /^network adapters are not there yet$/
const NO_SOUND = /^sound devices are not there yet$/
const ONE_PROCESSOR = /^one processor a machine here has one$/
const OTHER_CONTROLLER = /there is no such controller here; the system has to find its disk on IDE$/
const ONE_DISPLAY = /it is the one graphics adapter here$/
const SETS_NOTHING = /^it sets nothing here; a preset can be taken by hand$/

function writeDisk(path: string, target: TargetOptions): void {
  const raw = `${path}.raw`
  writeFileSync(raw, new Uint8Array(DISK_BYTES).fill(DISK_BYTE))
  if (target.format === 'raw') writeFileSync(path, new Uint8Array(DISK_BYTES).fill(DISK_BYTE))
  else for (const _ of new Media(new HostImageFiles()).convert(raw, path, target));
  rmSync(raw)
}

const VBOX = `<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.19-linux">
  <Machine uuid="{1}" name="Old games" OSType="Windows98">
    <Description>The code is 1234.</Description>
    <MediaRegistry><HardDisks><HardDisk uuid="{d}" location="disk.vdi" format="VDI"/></HardDisks></MediaRegistry>
    <Hardware>
      <CPU count="2"/><Memory RAMSize="128"/><Display controller="VBoxVGA"/>
      <AudioAdapter controller="SB16" enabled="true"/>
      <Network><Adapter slot="0" enabled="true" type="Am79C973"/></Network>
    </Hardware>
    <StorageControllers><StorageController name="IDE" type="PIIX4">
      <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="{d}"/></AttachedDevice>
      <AttachedDevice type="DVD" port="1" device="0"/>
    </StorageController></StorageControllers>
  </Machine>
</VirtualBox>`

const VMX = `.encoding = "UTF-8"
config.version = "8"
displayName = "NT of the office"
annotation = "first line|0Asecond line"
memsize = "96"
numvcpus = "2"
guestOS = "winnt"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "disk.vmdk"
ide1:0.present = "TRUE"
ide1:0.deviceType = "cdrom-raw"
ide1:0.fileName = "auto detect"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vlance"
usb.present = "TRUE"
`

const OVF = `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References><File ovf:id="f1" ovf:href="disk.vmdk"/></References>
  <DiskSection><Info/><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="${DISK_BYTES}"/></DiskSection>
  <VirtualSystem ovf:id="vm"><Info/><Name>Appliance</Name><VirtualHardwareSection><Info/>
    <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>memory</rasd:ElementName>
      <rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>8192</rasd:VirtualQuantity></Item>
    <Item><rasd:ElementName>IDE</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>5</rasd:ResourceType></Item>
    <Item><rasd:ElementName>disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>
      <rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
    <Item><rasd:ElementName>card</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceType>10</rasd:ResourceType></Item>
  </VirtualHardwareSection></VirtualSystem>
</Envelope>`

const UTM = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Backend</key><string>QEMU</string><key>ConfigurationVersion</key><integer>4</integer>
  <key>Information</key><dict><key>Name</key><string>From a Mac</string></dict>
  <key>System</key><dict><key>Architecture</key><string>x86_64</string><key>CPU</key><string>default</string>
    <key>CPUCount</key><integer>1</integer><key>MemorySize</key><integer>256</integer><key>Target</key><string>pc</string></dict>
  <key>Drive</key><array>
    <dict><key>ImageName</key><string>hd.img</string><key>ImageType</key><string>Disk</string><key>Interface</key><string>IDE</string></dict>
  </array>
  <key>Network</key><array><dict><key>Hardware</key><string>rtl8139</string></dict></array>
</dict></plist>`

const BOX86 = `[Machine]
machine = ibmps1_2121
cpu_family = i486dx2
mem_size = 8192

[Hard disks]
hdd_01_parameters = 17, 4, 30, 0, ide
hdd_01_fn = disk.img

[Floppy and CD-ROM drives]
fdd_01_type = 35_2hd

[Video]
gfxcard = tgui9440

[Sound]
sndcard = sb16
`

const QEMU = `#!/bin/sh
qemu-system-i386 -name "my dos" -m 48 -cpu pentium2 \\
  -drive file=disk.img,format=raw,if=virtio -boot order=c \\
  -netdev user,id=n -device rtl8139,netdev=n -display none -smp 4
`

const OVF_ACCOUNT = [
  ['substituted', 'memory: 8192 byte * 2^20', /^3072 MiB a machine here has at most 3 GiB$/],
  ['mapped', 'disk 1', /./],
  ['dropped', 'card', NO_NETWORK],
] as const

export const FOREIGN_MACHINES: readonly ForeignMachine[] = [
  {
    what: 'VirtualBox',
    file: 'machine.vbox',
    write(folder) {
      writeFileSync(join(folder, 'machine.vbox'), VBOX)
      writeDisk(join(folder, 'disk.vdi'), { format: 'vdi' })
    },
    summary: 'VirtualBox; 128 MiB, processor max',
    account: [
      ['dropped', 'OS type Windows98', SETS_NOTHING],
      ['mapped', 'memory 128 MB', /^128 MiB$/],
      ['substituted', '2 CPU', ONE_PROCESSOR],
      ['substituted', 'graphics VBoxVGA', ONE_DISPLAY],
      ['dropped', 'network adapter Am79C973 in slot 0', NO_NETWORK],
      ['dropped', 'audio SB16', NO_SOUND],
      ['mapped', 'HardDisk at IDE 0:0', /disk\.vdi/],
      ['mapped', 'DVD at IDE 1:0', /./],
    ],
    disk: { file: 'disk.vdi', name: 'disk.vdi' },
    name: 'Old games',
    machine: { memoryMiB: 128, cpuModel: 'max' },
    drives: [{ kind: 'disk' }, { kind: 'cdrom', path: null }],
  },
  {
    what: 'VMware',
    file: 'machine.vmx',
    write(folder) {
      writeFileSync(join(folder, 'machine.vmx'), VMX)
      writeDisk(join(folder, 'disk.vmdk'), { format: 'vmdk' })
    },
    summary: 'VMware; 96 MiB, processor max',
    account: [
      ['mapped', 'memsize 96', /^96 MiB$/],
      ['substituted', 'numvcpus 2', ONE_PROCESSOR],
      ['dropped', 'guestOS winnt', SETS_NOTHING],
      ['dropped', 'ethernet0 vlance', NO_NETWORK],
      ['mapped', 'ide1:0 (cdrom-raw)', /./],
      ['substituted', 'scsi0:0', OTHER_CONTROLLER],
      ['dropped', 'usb', /^USB is not there yet$/],
    ],
    disk: { file: 'disk.vmdk', name: 'disk.vmdk' },
    name: 'NT of the office',
    machine: { memoryMiB: 96, cpuModel: 'max' },
    drives: [{ kind: 'cdrom', path: null }, { kind: 'disk' }],
  },
  {
    what: 'OVF, whose compressed disk is copied',
    file: 'machine.ovf',
    write(folder) {
      writeFileSync(join(folder, 'machine.ovf'), OVF)
      writeDisk(join(folder, 'disk.vmdk'), { format: 'vmdk', variant: 'stream' })
    },
    summary: 'OVF; 3072 MiB, processor max',
    account: [...OVF_ACCOUNT, ['substituted', 'disk.vmdk', /its format can only be read$/]],
    disk: { file: 'disk.vmdk', name: 'disk.vmdk' },
    name: 'Appliance',
    machine: { memoryMiB: 3072 },
    drives: [{ kind: 'disk', path: 'disk-1.qcow2', format: 'qcow2' }],
    isCopied: true,
  },
  {
    what: 'OVA, whose disk is copied out',
    file: 'machine.ova',
    write(folder) {
      writeFileSync(join(folder, 'machine.ovf'), OVF)
      writeDisk(join(folder, 'disk.vmdk'), { format: 'vmdk', variant: 'stream' })
      const members = ['machine.ovf', 'disk.vmdk']
      execFileSync('tar', ['-cf', 'machine.ova', '--format=ustar', ...members], { cwd: folder })
      for (const member of members) rmSync(join(folder, member))
    },
    summary: 'OVF; 3072 MiB, processor max',
    account: [...OVF_ACCOUNT, ['substituted', 'disk.vmdk', /it lies in the archive$/]],
    disk: null,
    name: 'Appliance',
    machine: { memoryMiB: 3072 },
    drives: [{ kind: 'disk', path: 'disk-1.qcow2', format: 'qcow2' }],
    isCopied: true,
  },
  {
    what: 'UTM',
    file: 'Old.utm/config.plist',
    write(folder) {
      mkdirSync(join(folder, 'Old.utm', 'Data'), { recursive: true })
      writeFileSync(join(folder, 'Old.utm', 'config.plist'), UTM)
      writeDisk(join(folder, 'Old.utm', 'Data', 'hd.img'), { format: 'raw' })
    },
    summary: 'UTM; 256 MiB, processor max',
    account: [
      ['substituted', 'architecture x86_64', /a system of 64 bits or of another processor will not start$/],
      ['mapped', 'memory 256 MiB', /^256 MiB$/],
      ['mapped', '1 CPU', /^one processor$/],
      ['mapped', 'drive 1 (Disk, ide)', /hd\.img/],
      ['dropped', 'network rtl8139', NO_NETWORK],
    ],
    disk: { file: 'Old.utm/Data/hd.img', name: 'Data/hd.img' },
    name: 'From a Mac',
    machine: { memoryMiB: 256 },
    drives: [{ kind: 'disk' }],
  },
  {
    what: '86Box',
    file: '86box.cfg',
    write(folder) {
      writeFileSync(join(folder, '86box.cfg'), BOX86)
      writeDisk(join(folder, 'disk.img'), { format: 'raw' })
    },
    summary: '86Box; 8 MiB, processor 486',
    account: [
      ['substituted', 'machine ibmps1_2121', /it is the one board here$/],
      ['mapped', 'mem_size 8192 KB', /^8 MiB$/],
      ['substituted', 'processor i486dx2', /^486 its speed is that of this computer, unless it is capped$/],
      ['mapped', 'floppy 1 (35_2hd)', /./],
      ['mapped', 'hard disk 1 (ide)', /disk\.img/],
      ['substituted', 'video tgui9440', ONE_DISPLAY],
      ['dropped', 'sound sb16', NO_SOUND],
    ],
    disk: { file: 'disk.img', name: 'disk.img' },
    name: '86Box machine',
    machine: { memoryMiB: 8, cpuModel: '486' },
    drives: [
      { kind: 'floppy', path: null },
      { kind: 'disk', geometry: { cylinders: 30, heads: 4, sectors: 17 } },
    ],
  },
  {
    what: 'a command line of QEMU',
    file: 'start.sh',
    write(folder) {
      writeFileSync(join(folder, 'start.sh'), QEMU)
      writeDisk(join(folder, 'disk.img'), { format: 'raw' })
    },
    summary: 'QEMU; 48 MiB, processor pentium2',
    account: [
      ['mapped', '-name my dos', /^my dos$/],
      ['mapped', '-m 48', /^48 MiB$/],
      ['mapped', '-cpu pentium2', /^pentium2$/],
      ['mapped', '-drive file=disk.img,format=raw,if=virtio', /disk\.img/],
      ['mapped', '-boot order=c', /^disk$/],
      ['dropped', '-netdev user,id=n', NO_NETWORK],
      ['dropped', '-device rtl8139,netdev=n', /^there is nothing of the kind here$/],
      ['dropped', '-display none', /^it says how QEMU runs, not what the machine is$/],
      ['substituted', '-smp 4', ONE_PROCESSOR],
    ],
    disk: { file: 'disk.img', name: 'disk.img' },
    name: 'my dos',
    machine: { memoryMiB: 48, cpuModel: 'pentium2', boot: ['disk'] },
    drives: [{ kind: 'disk', format: 'raw', bus: 'virtio' }],
  },
]
