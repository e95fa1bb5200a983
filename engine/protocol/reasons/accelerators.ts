/** Why a machine runs by this accelerator and not by another. */
export const accelerators = {
  'accelerator-wanted': 'it was asked for',
  'kvm-whole': 'KVM is there and whole',
  'kvm-missing':
    '{device} is not there: the processor has no virtualisation, it is switched off in the firmware, or the kvm module is not loaded',
  'kvm-forbidden':
    '{device} may not be opened: your user must be a member of the group kvm (sudo usermod -aG kvm "$USER", then log in again)',
  'kvm-module': '{device} has no module behind it: load kvm_intel or kvm_amd',
  'kvm-elsewhere': 'KVM is for 64-bit x86 Linux, and this is {system} on {processor}',
  'kvm-no-paging': 'KVM is limited on this host: it cannot switch paging on',
  'kvm-no-sse': 'KVM is limited on this host: it cannot run SSE instructions',
  'kvm-no-model': 'KVM is limited on this host: it cannot show the processor model that was asked for',
  'kvm-version': '{device} speaks version {version} of its interface',
  'kvm-too-old': '{device} lacks {missing}: the kernel is too old',
  'kvm-not-opened': '{device} cannot be opened ({code})',
  'kvm-model': "the host's processor cannot be a {model}",
  'kvm-management': 'system management mode is left to the processor in software',
} as const
