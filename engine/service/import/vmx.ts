import type { ImportDraft } from './draft.ts'

const SLOT = /^(ide|scsi|sata|nvme)(\d+):(\d+)$/

/** A machine of VMware (.vmx): lines of `name = "value"`. */
export function readVmx(text: string, draft: ImportDraft): string | null {
  const values = new Map(
    [...text.matchAll(/^[ \t]*([\w.:-]+)[ \t]*=[ \t]*"(.*)"[ \t\r]*$/gm)].map(([, name, value]) => [
      name!.toLowerCase(),
      value!,
    ]),
  )
  if (values.size === 0) return 'it has no settings'
  const get = (name: string): string => values.get(name) ?? ''
  const isOn = (name: string): boolean => get(name).toLowerCase() === 'true'
  draft.name = get('displayname')
  draft.notes = get('annotation').replaceAll('|0A', '\n')
  if (get('memsize')) draft.setMemory(`memsize ${get('memsize')}`, Number(get('memsize')))
  if (get('numvcpus')) draft.setProcessors(`numvcpus ${get('numvcpus')}`, Number(get('numvcpus')))
  if (get('guestos')) draft.dropped(`guestOS ${get('guestos')}`, 'import-sets-nothing')
  if (get('firmware') === 'efi') draft.dropped('firmware efi', 'import-bios-only')
  const devices = new Set([...values.keys()].map((name) => name.split('.')[0]!))
  for (const device of [...devices].toSorted()) {
    if (get(`${device}.present`) && !isOn(`${device}.present`)) continue
    const [, bus] = SLOT.exec(device) ?? []
    const file = get(`${device}.filename`)
    if (bus) {
      const type = get(`${device}.devicetype`)
      const isCd = type.includes('cdrom')
      const isImage = type === 'cdrom-image' || !isCd
      if (!file && !isCd) continue
      const drive = {
        kind: isCd ? ('cdrom' as const) : ('disk' as const),
        path: isImage && file ? file : null,
      }
      draft.addDrive(
        `${device}${type ? ` (${type})` : ''}`,
        drive,
        bus === 'ide' ? null : 'import-other-controller',
      )
    } else if (/^floppy\d$/.test(device)) {
      const isFile = get(`${device}.filetype`) === 'file'
      draft.addDrive(device, { kind: 'floppy', path: isFile && file ? file : null })
    } else if (/^ethernet\d+$/.test(device))
      draft.setNetwork(`${device} ${get(`${device}.virtualdev`)}`.trim())
    else if (device === 'sound') draft.setSound(`sound ${get('sound.virtualdev')}`.trim())
    else if (device === 'svga') draft.setDisplay('svga')
    else if (/^(usb|ehci|usb_xhci)$/.test(device)) draft.dropped(device, 'import-no-usb')
    else if (/^serial\d$/.test(device)) draft.dropped(device, 'import-port-by-hand')
    else if (/^(parallel|sharedfolder)\d*$/.test(device)) draft.dropped(device, 'import-no-such-device')
  }
  return null
}
