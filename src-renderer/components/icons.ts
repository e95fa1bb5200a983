import {
  AppWindow,
  Disc3,
  FlaskConical,
  Gamepad2,
  HardDrive,
  Layers,
  Monitor,
  Save,
  Server,
  SquareTerminal,
  Terminal,
  Trees,
  Wrench,
} from '@lucide/vue'
import type { Component } from 'vue'
import type { DRIVE_KINDS } from '../../engine/protocol/machine-config.ts'
import type { VM_ICONS } from '../../engine/protocol/vm.ts'

/** The pictures of drives and machines. */
export const DRIVE_ICONS: Record<(typeof DRIVE_KINDS)[number], Component> = {
  floppy: Save,
  disk: HardDrive,
  cdrom: Disc3,
}
export const VM_ICON_IMAGES: Record<(typeof VM_ICONS)[number], Component> = {
  pc: Monitor,
  dos: SquareTerminal,
  windows: AppWindow,
  os2: Layers,
  linux: Terminal,
  bsd: Trees,
  unix: Wrench,
  game: Gamepad2,
  server: Server,
  lab: FlaskConical,
}
