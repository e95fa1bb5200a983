/**
 * Where things lie in the one linear memory of a virtual machine. The CPU's own state comes first, guest
 * memory behind it, so that one TLB addition turns a guest address into an address that a Wasm load takes.
 */
export const KIB = 1024
export const MIB = 1024 * KIB
export const PAGE_SIZE = 4096
export const PAGE_SHIFT = 12

/** Vcpu state, jump cache, TLB and decoded instructions: see engine/isa/state.ts. */
export const CPU_BYTES = 48 * MIB
/** One bit for each 64 bytes of linear memory, set where the processor has decoded instructions. */
export const CODE_MAP = CPU_BYTES
export const CODE_MAP_SHIFT = 6
export const CODE_MAP_BYTES = 8 * MIB
/**
 * One bit for each guest-physical page, set where reads and writes both reach RAM at RAM_BASE plus the address: page
 * tables that lie there are walked by generated code.
 */
export const RAM_MAP = CODE_MAP + CODE_MAP_BYTES
export const RAM_MAP_BYTES = 128 * KIB
/** Read-only memory images (BIOS, VGA BIOS, option ROMs), 4 MiB in all. */
export const ROM_BASE = RAM_MAP + RAM_MAP_BYTES
export const ROM_BYTES = 4 * MIB
/** Video memory as the guest sees it: all of its base address register's window, a power of two. */
export const VRAM_BASE = ROM_BASE + ROM_BYTES
export const VRAM_BYTES = 16 * MIB
/** The VGA's text window, a rearranged copy behind video memory: see engine/devices/vga/video-memory.ts. */
export const TEXT_WINDOW_BYTES = 64 * KIB
/** What of video memory was last shown, at the same offsets: see engine/devices/vga/shown-memory.ts. */
export const SHOWN_BASE = VRAM_BASE + VRAM_BYTES + TEXT_WINDOW_BYTES
/** One line of a picture on its way out. */
export const LINE_BASE = SHOWN_BASE + VRAM_BYTES
export const LINE_BYTES = 64 * KIB
/** Guest RAM, from guest-physical address 0 on. */
export const RAM_BASE = LINE_BASE + LINE_BYTES
/** Below the PCI hole, which starts at 3 GiB. */
export const MAX_RAM_BYTES = 3 * 1024 * MIB
