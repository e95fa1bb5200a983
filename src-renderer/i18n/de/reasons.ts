import type { reasons as english } from '../en/reasons.ts'

/** Wie sie der Reihe nach in `engine/protocol/reasons.ts` stehen. */
export const reasons = {
  'reason.file-missing': 'die Datei gibt es nicht; prüfen Sie den Namen',
  'reason.file-below-file': 'die Datei gibt es nicht; ein Ordner ihres Pfads ist eine Datei',
  'reason.file-there': 'eine Datei dieses Namens gibt es schon',
  'reason.disk-full': 'auf ihrem Datenträger ist kein Platz mehr',
  'reason.file-forbidden':
    'Sie dürfen sie nicht öffnen; ändern Sie die Zugriffsrechte, oder öffnen Sie sie nur zum Lesen',
  'reason.file-system-read-only':
    'ihr Dateisystem lässt sich nur lesen; öffnen Sie sie nur zum Lesen oder mit verworfenen Änderungen',
  'reason.file-empty': 'sie ist leer',
  'reason.file-is-folder': 'es ist ein Ordner und kein Abbild',
  'reason.file-is-device': 'es ist ein Gerät oder eine Pipe und kein Abbild',
  'reason.file-grown': 'sie ist so groß, wie ihr Datenträger oder die Rechte dieses Benutzers erlauben',
  'reason.file-deleted': 'sie wurde gelöscht, während sie in Gebrauch war',
  'reason.image-written-elsewhere':
    'Prozess {process} schreibt in sie; schließen Sie sie dort, oder öffnen Sie sie hier und dort nur zum Lesen',
  'reason.image-read-elsewhere':
    'Prozess {process} liest sie; schließen Sie sie dort, oder öffnen Sie sie hier und dort nur zum Lesen',
  'reason.image-written-here':
    'ein anderes Laufwerk dieses Programms schreibt in sie; schließen Sie sie dort, oder öffnen Sie beide nur zum Lesen',
  'reason.image-read-here':
    'ein anderes Laufwerk dieses Programms liest sie; schließen Sie sie dort, oder öffnen Sie beide nur zum Lesen',
  'reason.floppy-too-large':
    'ihre {bytes} Bytes passen auf keine Diskette; öffnen Sie sie als Festplatte oder CD',
  'reason.floppy-size':
    '{bytes} Bytes hat keine bekannte Diskette; sie ist abgeschnitten, oder es fehlen Nullen am Ende (die nächste Größe ist {next} Bytes)',
  'reason.disc-size':
    'ihre Größe von {bytes} Bytes ist kein Vielfaches von 2048; sie ist abgeschnitten oder kein CD-Abbild',
  'reason.disc-truncated':
    'sie ist abgeschnitten: {bytes} Bytes der {whole}, die ihr Dateisystem hat; laden Sie sie noch einmal',
  'reason.record-missing': 'vm.json fehlt',
  'reason.record-forbidden': 'vm.json darf nicht gelesen werden',
  'reason.record-damaged': 'vm.json ist beschädigt: {detail}',
  'reason.record-newer': 'vm.json ist von einer neueren Version von Vitrine (Format {format})',
  'reason.record-too-large': 'vm.json ist viel zu groß',
  'reason.folder-gone': 'ihr Ordner {folder} ist nicht da',
  'reason.folder-of-library': 'er enthält die Bibliothek selbst',
  'reason.folder-missing': '{folder} ist kein Ordner',
  'reason.process-killed': 'der Prozess der Maschine wurde durch {signal} beendet',
  'reason.process-ended': 'der Prozess der Maschine endete mit Status {status}',
  'reason.drives-floppy': '{count} Diskettenlaufwerke, aber der Controller nimmt {most}',
  'reason.drives-ide': '{count} IDE-Platten und CD-ROMs, aber die beiden Kanäle nehmen {most}',
  'reason.drives-virtio': '{count} virtio-Platten, aber nur Platz für {most}',
  'reason.disk-empty': 'ein Plattenlaufwerk braucht eine Datei',
  'reason.mouse-port': 'die Maus ist an COM{port}, das es bei {ports} seriellen Anschlüssen nicht gibt',
  'reason.machine-held': 'Prozess {process} auf {host}',
  'reason.accelerator-wanted': 'so eingestellt',
  'reason.kvm-whole': 'KVM ist da und vollständig',
  'reason.kvm-missing':
    '{device} ist nicht da: Der Prozessor hat keine Virtualisierung, sie ist in der Firmware ausgeschaltet, oder das Modul kvm ist nicht geladen',
  'reason.kvm-forbidden':
    '{device} darf nicht geöffnet werden: Ihr Benutzer muss in der Gruppe kvm sein (sudo usermod -aG kvm "$USER", dann neu anmelden)',
  'reason.kvm-module': 'hinter {device} ist kein Modul: kvm_intel oder kvm_amd laden',
  'reason.kvm-elsewhere': 'KVM gibt es auf 64-Bit-Linux mit x86, und dies ist {system} auf {processor}',
  'reason.export-processor': 'der Prozessor: der eigene des anderen Programms; OVF nennt keinen',
  'reason.export-early-processor': 'Prozessor {model}: QEMU hat keinen; an seine Stelle tritt ein 486',
  'reason.export-newest-processor': 'Prozessor: als Pentium III; QEMU hat auch spätere',
  'reason.export-kvm': 'sie läuft mit KVM; wo es keines gibt, type="kvm" in "qemu" ändern',
  'reason.export-virtio':
    'virtio-Platten: das andere Programm hängt sie an seinen eigenen Controller; OVF hat keinen solchen',
  'reason.export-boot': 'Startreihenfolge {order}: dort einstellen; OVF hat keine',
  'reason.export-serial': 'serielle Anschlüsse: OVF hat keine',
  'reason.export-geometry': 'Zylinder, Köpfe und Sektoren der Platten: das andere Programm wählt sie selbst',
  'reason.export-immutable': 'unveränderliche Platten: was in die Kopien geschrieben wird, bleibt',
  'reason.export-kernel': 'der Kernel, der statt eines Laufwerks startet: dort einstellen',
  'reason.export-firmware': 'eigene Firmware: dort einstellen',
  'reason.export-speed': 'die Grenze der Befehle je Sekunde',
  'reason.export-local-time': 'die Uhr in Ortszeit: dort einstellen; OVF hat keine',
  'reason.export-qemu-geometry': '{drive}: QEMU wählt Zylinder, Köpfe und Sektoren selbst',
  'reason.export-qemu-empty': '{drive}: QEMU hat hier kein leeres Laufwerk dieser Art',
  'reason.export-qemu-modules': 'Module des Kernels: von Hand angeben',
  'reason.export-qemu-speed': 'die Grenze der Befehle je Sekunde: QEMU hat stattdessen -icount',
  'reason.export-qemu-mouse': 'Maus an {port}: QEMU hat sie als -serial msmouse, neben seiner PS/2-Maus',
  'reason.export-saved': 'ihr gesicherter Zustand bleibt hier: die Platten sind, wie sie dabei waren',
  'reason.kvm-no-paging': 'KVM ist auf diesem Rechner eingeschränkt: es kann Paging nicht einschalten',
  'reason.kvm-no-sse': 'KVM ist auf diesem Rechner eingeschränkt: es kann keine SSE-Befehle ausführen',
  'reason.kvm-no-model':
    'KVM ist auf diesem Rechner eingeschränkt: es kann den gewünschten Prozessor nicht zeigen',
} satisfies Record<keyof typeof english, string>
