/**
 * Numbers and layouts of the KVM control interface, by the names of linux/kvm.h and asm/kvm.h (x86-64). Offsets
 * are in bytes.
 * @see Linux, Documentation/virt/kvm/api.rst
 */

/** The only version of the interface that there is. */
export const KVM_API_VERSION = 12

/** Requests of ioctl(2): direction << 30 | size << 16 | 0xae << 8 | number. */
export const KVM = {
  // On /dev/kvm.
  GET_API_VERSION: 0xae00,
  CREATE_VM: 0xae01,
  CHECK_EXTENSION: 0xae03,
  GET_VCPU_MMAP_SIZE: 0xae04,
  GET_SUPPORTED_CPUID: 0xc008ae05,
  // On a virtual machine.
  CREATE_VCPU: 0xae41,
  GET_DIRTY_LOG: 0x4010ae42,
  SET_USER_MEMORY_REGION: 0x4020ae46,
  SET_TSS_ADDR: 0xae47,
  SET_IDENTITY_MAP_ADDR: 0x4008ae48,
  // On a virtual processor.
  RUN: 0xae80,
  GET_REGS: 0x8090ae81,
  SET_REGS: 0x4090ae82,
  GET_SREGS: 0x8138ae83,
  SET_SREGS: 0x4138ae84,
  INTERRUPT: 0x4004ae86,
  GET_MSRS: 0xc008ae88,
  SET_MSRS: 0x4008ae89,
  SET_SIGNAL_MASK: 0x4004ae8b,
  SET_CPUID2: 0x4008ae90,
  NMI: 0xae9a,
  GET_VCPU_EVENTS: 0x8040ae9f,
  SET_VCPU_EVENTS: 0x4040aea0,
  GET_DEBUGREGS: 0x8080aea1,
  SET_DEBUGREGS: 0x4080aea2,
  SET_TSC_KHZ: 0xaea2,
  GET_XSAVE: 0x9000aea4,
  SET_XSAVE: 0x5000aea5,
} as const

/** For CHECK_EXTENSION. */
export const CAPABILITY = {
  USER_MEMORY: 3,
  SET_TSS_ADDR: 4,
  EXT_CPUID: 7,
  DESTROY_MEMORY_REGION_WORKS: 21,
  VCPU_EVENTS: 41,
  XSAVE: 55,
  TSC_CONTROL: 60,
  READONLY_MEM: 81,
  IMMEDIATE_EXIT: 136,
} as const

/** Flags of a memory slot. */
export const MEM = { LOG_DIRTY_PAGES: 1, READONLY: 2 } as const

/** Why KVM_RUN came back. */
export const EXIT = {
  IO: 2,
  DEBUG: 4,
  HLT: 5,
  MMIO: 6,
  IRQ_WINDOW_OPEN: 7,
  SHUTDOWN: 8,
  FAIL_ENTRY: 9,
  INTR: 10,
  INTERNAL_ERROR: 17,
} as const

/** struct kvm_run, which the kernel shares with us. */
export const RUN = {
  REQUEST_INTERRUPT_WINDOW: 0,
  IMMEDIATE_EXIT: 1,
  EXIT_REASON: 8,
  READY_FOR_INTERRUPT: 12,
  IF_FLAG: 13,
  APIC_BASE: 24,
  IO_DIRECTION: 32,
  IO_SIZE: 33,
  IO_PORT: 34,
  IO_COUNT: 36,
  IO_DATA_OFFSET: 40,
  MMIO_ADDRESS: 32,
  MMIO_DATA: 40,
  MMIO_LENGTH: 48,
  MMIO_IS_WRITE: 52,
  FAIL_ENTRY_REASON: 32,
  SUBERROR: 32,
} as const

/** struct kvm_regs: 64-bit words. */
export const REGS = {
  BYTES: 144,
  /** Word numbers of the general registers in the order of their encoding: EAX ECX EDX EBX ESP EBP ESI EDI. */
  GPR: [0, 2, 3, 1, 6, 7, 4, 5],
  RIP: 16,
  RFLAGS: 17,
} as const

/** struct kvm_sregs. */
export const SREGS = {
  BYTES: 312,
  /** struct kvm_segment, in the order of isa/state.ts: ES CS SS DS FS GS LDTR TR. */
  SEGMENTS: [48, 0, 120, 24, 72, 96, 168, 144],
  GDT: 192,
  IDT: 208,
  CR0: 224,
  CR2: 232,
  CR3: 240,
  CR4: 248,
  EFER: 264,
  APIC_BASE: 272,
} as const

/** struct kvm_segment. */
export const SEGMENT = {
  BYTES: 24,
  BASE: 0,
  LIMIT: 8,
  SELECTOR: 12,
  TYPE: 14,
  PRESENT: 15,
  DPL: 16,
  DB: 17,
  S: 18,
  L: 19,
  G: 20,
  AVL: 21,
  UNUSABLE: 22,
} as const

/** struct kvm_xsave: an image as of XSAVE, with FXSAVE's at its start. Registers are ST(0) to ST(7). */
export const XSAVE = {
  BYTES: 4096,
  CONTROL: 0,
  STATUS: 2,
  /** One bit for each physical register: not empty. */
  TAGS: 4,
  OPCODE: 6,
  IP: 8,
  DP: 16,
  MXCSR: 24,
  ST: 32,
  XMM: 160,
  /** Which parts of the image hold something. */
  XSTATE_BV: 512,
  X87_AND_SSE: 3,
} as const

/** struct kvm_debugregs. */
export const DEBUGREGS = { BYTES: 128, DR0: 0, DR6: 32, DR7: 40 } as const

/** struct kvm_vcpu_events. */
export const EVENTS = {
  BYTES: 64,
  EXCEPTION_INJECTED: 0,
  EXCEPTION_NUMBER: 1,
  EXCEPTION_PENDING: 3,
  INTERRUPT_INJECTED: 8,
  INTERRUPT_SHADOW: 11,
  NMI_INJECTED: 12,
  NMI_PENDING: 13,
  NMI_MASKED: 14,
  FLAGS: 20,
  VALID_NMI_PENDING: 1,
  VALID_SHADOW: 4,
} as const

/** struct kvm_msrs with one entry, and struct kvm_cpuid_entry2. */
export const MSRS = { BYTES: 24, COUNT: 0, INDEX: 8, LOW: 16, HIGH: 20 } as const
export const CPUID_ENTRY = { BYTES: 40, FUNCTION: 0, EAX: 12 } as const
export const CPUID_HEADER_BYTES = 8
