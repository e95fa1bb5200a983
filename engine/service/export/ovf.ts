import { type ExportedDrive, type ExportedMachine, idePlace } from './exported-machine.ts'
import { type Element, element, xmlDocument } from './xml-writer.ts'

/** Resource types of CIM_ResourceAllocationSettingData. */
const TYPE = { processor: 3, memory: 4, ide: 5, floppy: 14, cd: 15, disk: 17 } as const
const STREAM = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'
const NAMESPACES = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData',
  'xmlns:vssd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData',
}
/** Ids of the two IDE channels among the items. */
const CHANNEL = [3, 4]
const FIRST_DRIVE = 5

/**
 * The description of an OVF package, version 1, as VirtualBox, VMware and libvirt's tools read it. @see DMTF DSP0243 1.1
 * @param fileBytes size of each file, by its name
 */
export function ovfDescription(
  { name, notes, config, drives }: ExportedMachine,
  fileBytes: ReadonlyMap<string, number>,
): string {
  const withFile = drives.filter(({ file }) => file !== null)
  const disks = withFile.filter(({ kind }) => kind === 'disk')
  return xmlDocument(
    element(
      'Envelope',
      { ...NAMESPACES, 'xml:lang': 'en' },
      element(
        'References',
        {},
        ...withFile.map((drive) =>
          element('File', {
            'ovf:id': fileId(drive),
            'ovf:href': drive.file!,
            'ovf:size': fileBytes.get(drive.file!) ?? 0,
          }),
        ),
      ),
      element(
        'DiskSection',
        {},
        element('Info', {}, 'Virtual disks'),
        ...disks.map((drive) =>
          element('Disk', {
            'ovf:diskId': diskId(drive),
            'ovf:fileRef': fileId(drive),
            'ovf:capacity': drive.sizeBytes,
            'ovf:format': STREAM,
          }),
        ),
      ),
      element(
        'VirtualSystem',
        { 'ovf:id': 'machine' },
        element('Info', {}, 'A virtual machine'),
        element('Name', {}, name),
        notes.trim()
          ? element('AnnotationSection', {}, element('Info', {}, 'Notes'), element('Annotation', {}, notes))
          : null,
        element(
          'OperatingSystemSection',
          { 'ovf:id': 1 },
          element('Info', {}, 'The system in it is not known'),
        ),
        element(
          'VirtualHardwareSection',
          {},
          element('Info', {}, 'Its hardware'),
          element(
            'System',
            {},
            element('vssd:ElementName', {}, 'Virtual hardware'),
            element('vssd:InstanceID', {}, '0'),
            element('vssd:VirtualSystemIdentifier', {}, name),
            element('vssd:VirtualSystemType', {}, 'virtualbox-2.2 vmx-07'),
          ),
          item(1, TYPE.processor, '1 processor', { VirtualQuantity: 1 }),
          item(2, TYPE.memory, `${config.memoryMiB} MiB of memory`, {
            AllocationUnits: 'byte * 2^20',
            VirtualQuantity: config.memoryMiB,
          }),
          ...CHANNEL.map((id, channel) =>
            item(id, TYPE.ide, `IDE channel ${channel}`, { Address: channel, ResourceSubType: 'PIIX4' }),
          ),
          ...drives.map((drive, index) => driveItem(FIRST_DRIVE + index, drive)),
        ),
      ),
    ),
  )
}

function driveItem(instance: number, drive: ExportedDrive): Element {
  const { kind, id, file } = drive
  const place = idePlace(drive)
  const type = kind === 'disk' ? TYPE.disk : kind === 'cdrom' ? TYPE.cd : TYPE.floppy
  const resource = kind === 'disk' ? `ovf:/disk/${diskId(drive)}` : `ovf:/file/${fileId(drive)}`
  return item(instance, type, `${kind} at ${id}`, {
    ...(file !== null && { HostResource: resource }),
    ...(place && { Parent: CHANNEL[place.channel]!, AddressOnParent: place.place }),
    ...(kind === 'floppy' && { AddressOnParent: Number(id.at(-1)) }),
    AutomaticAllocation: 'true',
  })
}

/** Its properties are in the order of the alphabet, as the schema wants them. */
function item(instance: number, type: number, name: string, more: Record<string, string | number>): Element {
  const properties = { ...more, ElementName: name, InstanceID: instance, ResourceType: type }
  return element(
    'Item',
    {},
    ...Object.entries(properties)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => element(`rasd:${key}`, {}, String(value))),
  )
}

const fileId = ({ id }: ExportedDrive): string => `file-${id}`
const diskId = ({ id }: ExportedDrive): string => `disk-${id}`
