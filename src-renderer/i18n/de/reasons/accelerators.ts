import type { accelerators as english } from '../../../../engine/protocol/reasons/accelerators.ts'

/** Warum eine Maschine so läuft und nicht anders. */
export const accelerators = {
  'accelerator-wanted': 'so eingestellt',
  'kvm-whole': 'KVM ist da und vollständig',
  'kvm-missing':
    '{device} ist nicht da: Der Prozessor hat keine Virtualisierung, sie ist in der Firmware ausgeschaltet, oder das Modul kvm ist nicht geladen',
  'kvm-forbidden':
    '{device} darf nicht geöffnet werden: Ihr Benutzer muss in der Gruppe kvm sein (sudo usermod -aG kvm "$USER", dann neu anmelden)',
  'kvm-module': 'hinter {device} ist kein Modul: kvm_intel oder kvm_amd laden',
  'kvm-elsewhere': 'KVM gibt es auf 64-Bit-Linux mit x86, und dies ist {system} auf {processor}',
  'kvm-no-paging': 'KVM ist auf diesem Rechner eingeschränkt: es kann Paging nicht einschalten',
  'kvm-no-sse': 'KVM ist auf diesem Rechner eingeschränkt: es kann keine SSE-Befehle ausführen',
  'kvm-no-model': 'KVM ist auf diesem Rechner eingeschränkt: es kann den gewünschten Prozessor nicht zeigen',
  'kvm-version': '{device} hat Version {version} seiner Schnittstelle, die Vitrine nicht kennt',
  'kvm-too-old': '{device} kann {missing} nicht: der Kernel ist zu alt',
  'kvm-not-opened': '{device} lässt sich nicht öffnen ({code})',
  'kvm-model': 'der Prozessor dieses Rechners kann kein {model} sein',
  'kvm-management': 'den System Management Mode gibt es nur auf dem Prozessor in Software',
} as const satisfies Record<keyof typeof english, string>
