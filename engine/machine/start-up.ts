/** What a machine starts with: ROMs, CMOS, the built-in firmware's services or what other firmware is told. */

import { EngineError } from '../base/errors.ts'
import type { Device } from '../devices/device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { PortMap } from '../bus/port-map.ts'
import { FW_CFG_DMA_PORT, FW_CFG_PORT, FwCfg } from '../devices/fw-cfg/fw-cfg.ts'
import { cmosBytes } from '../devices/rtc/cmos.ts'
import type { FirmwareConfig } from '../firmware/config.ts'
import { Firmware } from '../firmware/firmware.ts'
import { placeKernel } from '../firmware/loaders/kernel.ts'
import type { BootPlacement } from '../firmware/loaders/placement.ts'
import { MIB } from '../memory/layout.ts'
import type { Knobs, MachineConfig } from '../protocol/machine-config.ts'
import { because } from '../protocol/reasons.ts'
import { artifact } from './artifacts.ts'
import type { DriveBays } from './drive-bays.ts'
import type { MachineClock } from './machine-clock.ts'
import { readFile } from './read-file.ts'
import { MAX_FIRMWARE_BYTES, MAX_VGA_BIOS_BYTES, type RomSpace } from './rom-space.ts'

const DEFAULT_BOOT = ['floppy', 'cdrom', 'disk'] as const

const bootOrder = ({ boot }: MachineConfig) => (boot.length > 0 ? boot : DEFAULT_BOOT)

/** Throws `file-unusable`. */
export function loadRoms(rom: RomSpace, { firmware, vgaBios }: MachineConfig, has32Bits: boolean): void {
  const own = (name: string) => artifact(has32Bits ? `${name}.bin` : `${name}-8086.bin`)
  const bios = firmware ?? own('bios')
  rom.loadFirmware(bios, readFile(bios, 'a firmware', MAX_FIRMWARE_BYTES))
  // Other firmware is given a video BIOS through fw_cfg and places it itself.
  if (firmware) return
  const video = vgaBios ?? own('vgabios')
  rom.loadVgaBios(video, readFile(video, 'a VGA BIOS', MAX_VGA_BIOS_BYTES))
}

/** Other firmware asks QEMU's device for what it is to know. */
export function mapFwCfg({ vgaBios }: MachineConfig, ports: PortMap, memory: MemoryMap): Device {
  const files = new Map<string, Uint8Array>()
  if (vgaBios) files.set('vgaroms/vgabios.bin', readFile(vgaBios, 'a VGA BIOS', MAX_VGA_BIOS_BYTES))
  const device = new FwCfg(files, memory)
  ports.map({ name: 'fw-cfg', base: FW_CFG_PORT, length: 2, width: 2 }, device.ports)
  ports.map({ name: 'fw-cfg-dma', base: FW_CFG_DMA_PORT, length: 8, width: 4 }, device.dmaPorts)
  return device
}

/** The built-in firmware's services. Throws `option-invalid` and `file-unusable` for a kernel. */
export function builtInFirmware(
  config: MachineConfig,
  bays: DriveBays,
  clock: MachineClock,
  memory: MemoryMap,
  { apic, ...processor }: { apic: boolean } & Pick<FirmwareConfig, 'instructions' | 'wide'>,
): Firmware {
  const { memoryMiB, cpus, serialPorts, mouse, knobs } = config
  if (config.kernel && processor.wide)
    throw new EngineError('option-invalid', {
      option: 'kernel',
      reason: because('processor-16-bit', { model: config.cpuModel }),
    })
  const kernel = placedKernel(config, apic)
  return new Firmware(
    {
      ramBytes: memoryMiB * MIB,
      cpus,
      serialPorts,
      ps2Mouse: mouse === 'ps2',
      floppies: bays.firmwareDisks('floppy'),
      disks: bays.firmwareDisks('disk'),
      cdroms: bays.firmwareDisks('cdrom'),
      bootOrder: bootOrder(config),
      acpi: apic,
      hpet: apic && (knobs.hpet ?? false),
      apic,
      ...processor,
      busyPolling: knobs.busyPolling ?? false,
      menuDelayMs: knobs.bootMenuMs ?? 0,
      ...(kernel ? { kernel } : {}),
    },
    clock,
    memory,
  )
}

function placedKernel({ kernel, memoryMiB }: MachineConfig, acpi: boolean): BootPlacement | null {
  if (!kernel) return null
  const file = (path: string) => ({ path, bytes: readFile(path, 'the memory', memoryMiB * MIB) })
  return placeKernel(file(kernel.path), {
    append: kernel.append,
    ...(kernel.initrd ? { initrd: file(kernel.initrd) } : {}),
    modules: kernel.modules.map((path) => ({ ...file(path), arguments: '' })),
    ramBytes: memoryMiB * MIB,
    acpi,
  })
}

/** What the clock chip remembers of the machine. */
export function cmosOf(config: MachineConfig, bays: DriveBays): Map<number, number> {
  return cmosBytes({
    ramBytes: config.memoryMiB * MIB,
    floppies: bays.floppyTypes,
    disks: bays.cmosDisks,
    numericProcessor: true,
    pointingDevice: config.mouse === 'ps2',
    bootOrder: bootOrder(config),
    processors: config.cpus,
  })
}

/** What the guest's clock shows at power-on, in ms since 1970. */
export function powerOnTimeMs({ startTimeMs = Date.now(), localTime, utcOffsetMinutes }: Knobs): number {
  if (!localTime) return startTimeMs
  const offsetMinutes = utcOffsetMinutes ?? -new Date(startTimeMs).getTimezoneOffset()
  return startTimeMs + offsetMinutes * 60_000
}
