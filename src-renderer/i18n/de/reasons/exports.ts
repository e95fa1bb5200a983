import type { exports as english } from '../../../../engine/protocol/reasons/exports.ts'

/** Was ein anderes Programm nicht ebenso hat. */
export const exports = {
  'export-processor': 'der Prozessor: der eigene des anderen Programms; OVF nennt keinen',
  'export-early-processor': 'Prozessor {model}: QEMU hat keinen; an seine Stelle tritt ein 486',
  'export-newest-processor': 'Prozessor: als Pentium III; QEMU hat auch spätere',
  'export-kvm': 'sie läuft mit KVM; wo es keines gibt, type="kvm" in "qemu" ändern',
  'export-virtio':
    'virtio-Platten: das andere Programm hängt sie an seinen eigenen Controller; OVF hat keinen solchen',
  'export-boot': 'Startreihenfolge {order}: dort einstellen; OVF hat keine',
  'export-serial': 'serielle Anschlüsse: OVF hat keine',
  'export-geometry': 'Zylinder, Köpfe und Sektoren der Platten: das andere Programm wählt sie selbst',
  'export-immutable': 'unveränderliche Platten: was in die Kopien geschrieben wird, bleibt',
  'export-kernel': 'der Kernel, der statt eines Laufwerks startet: dort einstellen',
  'export-firmware': 'eigene Firmware: dort einstellen',
  'export-speed': 'die Grenze der Befehle je Sekunde',
  'export-local-time': 'die Uhr in Ortszeit: dort einstellen; OVF hat keine',
  'export-qemu-geometry': '{drive}: QEMU wählt Zylinder, Köpfe und Sektoren selbst',
  'export-qemu-empty': '{drive}: QEMU hat hier kein leeres Laufwerk dieser Art',
  'export-qemu-modules': 'Module des Kernels: von Hand angeben',
  'export-qemu-speed': 'die Grenze der Befehle je Sekunde: QEMU hat stattdessen -icount',
  'export-qemu-mouse': 'Maus an {port}: QEMU hat sie als -serial msmouse, neben seiner PS/2-Maus',
  'export-saved': 'ihr gesicherter Zustand bleibt hier: die Platten sind, wie sie dabei waren',
} as const satisfies Record<keyof typeof english, string>
