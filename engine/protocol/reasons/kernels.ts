/** Of kernels and firmware that a machine starts with. */
export const kernels = {
  'file-too-large-for': 'its {bytes} bytes are too many for {what}; at most {most} fit',
  'firmware-size': '{bytes} bytes are no firmware image: it must be a multiple of 4 KiB, up to 2 MiB',
  'option-rom': 'it is no option ROM (55 AA at its start) of at most 64 KiB',
  'processor-16-bit': 'a {model} runs no code of 32 bits',
  'no-kernel':
    'is no kernel: it has neither a Linux setup header (boot protocol 2.00 or later) nor a Multiboot 1 header',
  'kernel-compressed': 'is compressed, and damaged or too large',
  'append-too-long': 'is longer than the {most} characters this kernel takes',
  'append-too-long-with-modules': 'is too long together with the modules',
  'linux-no-modules': 'a Linux kernel takes no modules, only an initrd',
  'linux-cut-off': 'is cut off: its setup code is incomplete',
  'linux-setup-too-long': 'has more setup code than the boot protocol allows',
  'kernel-needs-memory': 'needs at least {MiB} MiB of memory',
  'initrd-no-room': "does not fit into the machine's memory together with the kernel",
  'multiboot-feature': 'asks for a Multiboot feature that does not exist here',
  'module-no-room': 'does not fit: the machine needs more than {MiB} MiB of memory',
  'kernel-cut-off': 'is cut off',
  'multiboot-addresses': 'has a Multiboot header whose addresses do not match the file',
} as const
