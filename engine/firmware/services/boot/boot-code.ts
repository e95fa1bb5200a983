import type { Registers } from '../../port/registers.ts'
import { BIOS_SEGMENT } from '../../port/rom-layout.ts'
import { PNP_HEADER } from '../post/rom-tables.ts'

/** Registers of a boot sector: the drive in DL, the plug-and-play header at ES:DI, everything else zero. */
export function enterBootCode(r: Registers, segment: number, offset: number, drive: number): void {
  r.eax = 0xaa55
  r.ebx = 0
  r.ecx = 0
  r.edx = drive
  r.esi = 0
  r.edi = PNP_HEADER
  r.ebp = 0
  r.ds = 0
  r.es = BIOS_SEGMENT
  r.cs = segment
  r.ip = offset
}
