import type { images as english } from '../../../../engine/protocol/reasons/images.ts'

/** Von Plattenabbildern: ihren Formaten, worauf sie bauen, und wie sie entstehen. */
export const images = {
  'role-image': 'Abbild',
  'role-backing-file': 'Abbild darunter',
  'role-extent': 'Teilabbild',
  'role-track-file': 'Abbild mit den Spuren',
  'role-sector-file': 'Abbild mit den Sektoren',
  'child-name-damaged': 'der Name ist beschädigt ({role})',
  'child-address': 'das {role} {name} ist keine Datei, sondern eine Adresse; Adressen werden nie geöffnet',
  'child-outside':
    'das {role} {name} liegt nicht in ihrem Ordner; geben Sie {path} an, damit es gelesen wird',
  'child-missing': 'das {role} {name} fehlt: {path} gibt es nicht',
  'child-link-outside':
    'das {role} {name} ist ein Verweis aus ihrem Ordner auf {target}; geben Sie {path} an, damit es gelesen wird',
  'header-damaged': 'der Kopf des Formats {format} ist beschädigt: {detail}',
  'image-damaged': 'sie ist als Abbild des Formats {format} beschädigt: {detail}',
  'footer-damaged': 'der Schluss des Formats {format} ist beschädigt: {detail}',
  'descriptor-damaged': 'die Beschreibung des Formats {format} ist beschädigt: {detail}',
  'metadata-damaged': 'ihre Metadaten sind beschädigt: {detail}',
  'log-damaged': 'sie wurde nicht richtig geschlossen, und ihr Protokoll ist beschädigt: {detail}',
  'disk-too-large': 'sie ist größer als 2 TiB, das Höchste, was eine Platte dieses PCs haben kann',
  'sectors-outside': 'die Sektoren {sector}+{count} gibt es nicht ({bytes} Bytes)',
  'format-not-made': 'Abbilder des Formats {format} lassen sich lesen, aber nicht anlegen',
  'format-no-variant': '{format} hat keine Art „{variant}“; es gibt {variants}',
  'disk-size': 'eine Platte von {bytes} Bytes: es muss ein Vielfaches von 512 sein, höchstens 2 TiB',
  'disk-would-be-cut':
    'sie hat {bytes} Bytes: kleiner verliert sie ihr Ende; sagen Sie, dass sie gekürzt werden darf',
  'size-missing': 'geben Sie ihre Größe an',
  'not-encrypted': 'sie ist nicht verschlüsselt; wandeln Sie sie in eine verschlüsselte um',
  'encrypted-below': 'was darunter liegt, ist verschlüsselt, und sie bekommt dieselbe Passphrase',
  'archive-only-read': 'Archive von Disketten und CDs mit Spuren lassen sich nur lesen; wandeln Sie sie um',
  'floppy-archive-only-read':
    'Archive von Disketten lassen sich nur lesen; wandeln Sie sie in ein rohes Abbild um',
  'image-holds-snapshots':
    'sie enthält Sicherungspunkte, die verloren gingen; löschen Sie sie, oder wandeln Sie sie in eine neue Datei um',
  'image-in-several-files':
    'sie liegt in mehreren Dateien, die sich nicht zusammen ersetzen lassen; wandeln Sie sie in eine neue Datei um',
  'not-a-disk-to-build-on':
    'sie ist eine Diskette oder CD und keine Platte, auf der eine andere aufbauen kann',
  'format-not-compressed':
    'Abbilder des Formats {format} werden nicht gepackt; nehmen Sie qcow2, oder vmdk der Art stream',
  'format-unknown': 'ihr Format ist unbekannt',
  'disk-no-sectors': 'ihre Platte hat keine Sektoren',
  'backing-circle': 'sie liegt, über andere, unter sich selbst',
  'backing-too-many': 'mehr als {most} Abbilder bauen auf ihr auf',
  'not-of-format': 'sie ist kein Abbild des Formats {format}',
  'format-only-read':
    'Abbilder des Formats {format} lassen sich nur lesen; wandeln Sie sie um, oder öffnen Sie sie nur zum Lesen oder mit verworfenen Änderungen',
  'own-format-only-read': 'Abbilder ihres Formats lassen sich nur lesen',
  'not-a-disk': 'sie ist {format} und keine Platte',
  'not-over': 'sie liegt nicht über {below}',
  'not-below': '{above} liegt nicht über ihr',
  'not-as-large': 'sie ist nicht so groß wie {above} über ihr',
  'guest-forged-format':
    'der Gast machte, dass sie wie ein Abbild des Formats {format} aussieht; mit format=raw ist das erlaubt',
  'is-backing-file': 'andere bauen auf ihr auf',
  'part-of-zeros': 'dieser Teil von ihr besteht aus Nullen',
  'tables-lead-out': 'ihre Tabellen führen aus der Datei hinaus; prüfen Sie sie',
  'tables-damaged': 'ihre Tabellen sind beschädigt; prüfen Sie sie',
  'tables-found-damaged':
    'ihre Tabellen erwiesen sich als beschädigt; prüfen und reparieren Sie sie, oder öffnen Sie sie nur zum Lesen',
  'block-map-damaged': 'ihre Blocktabelle ist beschädigt; öffnen Sie sie nur zum Lesen',
  'not-closed-properly':
    'sie wurde nicht richtig geschlossen und lässt sich nicht reparieren; öffnen Sie sie nur zum Lesen',
  'cut-short-footer': 'sie ist abgeschnitten: ihr Schluss fehlt',
  'cut-short-part': 'sie ist abgeschnitten: es fehlt „{part}“',
  'value-impossible': '„{what}“ von {value} kann nicht sein',
  'disk-size-odd': 'ihre Plattengröße von {bytes} Bytes ist kein Vielfaches von 512',
  'disk-size-truncated': 'ihre Platte von {bytes} Bytes ist kein Vielfaches von 512; sie ist abgeschnitten',
  'raw-size-odd':
    'ihre Größe von {bytes} Bytes ist kein Vielfaches von 512; sie ist abgeschnitten oder kein Plattenabbild',
  'parent-name-missing': 'der Name des Abbilds darunter fehlt',
  'parent-kind-unknown': 'das Abbild darunter ist von unbekannter Art',
  'parent-other-or-written':
    'das Abbild {name} darunter ist eine andere Platte als damals, oder es wurde seither hineingeschrieben',
  'parent-other': 'das Abbild {name} darunter ist eine andere Platte als damals',
  'parent-changed': 'das Abbild {name} darunter wurde geändert, nachdem sie entstand',
  'vdi-parent-missing': 'das Abbild darunter, die VDI mit der UUID {uuid}, liegt nicht neben ihr',
  'vdi-parent-format': 'unter einer VDI muss eine VDI liegen; über anderen Formaten nehmen Sie qcow2',
  'vhd-parent-format': 'unter einer VHD muss eine VHD liegen; über anderen Formaten nehmen Sie qcow2',
  'vmdk-parent-format':
    'nur eine VMDK der Art sparse kann über einer anderen liegen, und die muss eine VMDK sein; nehmen Sie qcow2',
  'vdi-blocks': 'eine VDI hat Blöcke von 1 MiB',
  'vhd-blocks': 'eine VHD hat Blöcke von 2 MiB',
  'vmdk-grains': 'eine VMDK hat Stücke von 64 KiB',
  'vhd-too-large': 'eine VHD fasst höchstens 2040 GiB',
  'vdi-version': 'sie ist VDI der Version {major}.{minor}; bekannt ist nur 1.1',
  'vhdx-version': 'sie ist VHDX der Version {version}; bekannt ist nur 1',
  'vhdx-log-version':
    'sie wurde nicht richtig geschlossen, und ihr Protokoll hat Version {version}; bekannt ist nur 0',
  'vhdx-part-unknown': 'sie hat einen Teil, den Vitrine nicht kennt und zum Lesen braucht',
  'vmdk-version': 'sie ist VMDK der Version {version}; bekannt sind 1 bis 3',
  'parallels-version': 'sie ist Parallels der Version {version}; bekannt ist nur 2',
  'qcow-version': 'sie ist qcow der Version {version}; bekannt sind 2 und 3',
  'qcow-old-encryption':
    'sie ist nach der alten Art von QEMU verschlüsselt, die nicht sicher ist; wandeln Sie sie mit qemu-img um',
  'qcow-feature':
    'sie hat eine Eigenschaft, die nicht unterstützt wird („{feature}“); wandeln Sie sie erst mit qemu-img um',
  'qcow-features-unknown': 'sie hat Eigenschaften, die Vitrine nicht kennt (0x{bits})',
  'qcow-compression-unknown':
    'ihre Cluster sind auf unbekannte Art gepackt; wandeln Sie sie erst mit qemu-img um',
  'backing-name-damaged': 'der Name des Abbilds darunter ist beschädigt',
  'qcow-clusters': 'Cluster von qcow2 haben 512 Bytes bis 2 MiB, eine Zweierpotenz; nicht {bytes}',
  'qcow-clusters-too-small': 'die Platte ist für Cluster dieser Größe zu groß; nehmen Sie größere',
  'compressed-or-encrypted': 'ein Abbild ist entweder gepackt oder verschlüsselt',
  'compressed-alone': 'ein gepacktes Abbild liegt über keinem anderen',
  'rebase-clusters': 'ihre Cluster sind für einen anderen Namen zu klein',
  'rebase-foreign': 'ihren Kopf schrieb ein anderes Programm',
  'backing-name-long': 'der Name des Abbilds darunter ist zu lang',
  'rebase-no-room': 'in ihrem Kopf ist kein Platz für einen anderen Namen',
  'refcount-limit': 'ein Cluster wird öfter benutzt, als das Abbild zählen kann',
  'grown-clusters': 'sie ist so groß, wie Cluster ihrer Größe erlauben',
  'grown-format': 'sie ist so groß wie die 2 TiB, die ihr Format erlaubt',
  'vmdk-no-extent': 'sie ist kein Teil einer VMDK der Art sparse',
  'vmdk-stream-alone': 'eine VMDK der Art stream liegt über keiner anderen',
  'vmdk-part': 'sie ist ein Teil einer geteilten VMDK; öffnen Sie die Datei, die alle beschreibt',
  'vmdk-stream-only-read':
    'eine VMDK der Art stream lässt sich nur lesen; wandeln Sie sie um, oder öffnen Sie sie nur zum Lesen oder mit verworfenen Änderungen',
  'vmdk-shorter': 'sie ist kürzer, als ihre VMDK sagt',
  'vmdk-longer': 'sie ist länger, als ihre VMDK sagt',
  'luks-version-2':
    'sie ist mit LUKS der Version 2 verschlüsselt; kopieren Sie sie mit qemu-img in eine der Version 1',
  'luks-cipher': 'sie ist mit {cipher} von {bits} Bit verschlüsselt, und das ist nicht bekannt',
  'luks-hash': 'ihre Verschlüsselung benutzt den Hash {hash}, und der ist nicht bekannt',
  'luks-no-key': 'sie ist verschlüsselt und hat keinen Schlüssel mehr',
  'luks-iterations': 'eine Passphrase an ihr zu versuchen dauert zu lange ({count} Durchgänge)',
  'passphrase-not-given': 'sie ist verschlüsselt, und ihre Passphrase wurde nicht angegeben',
  'luks-data-elsewhere': 'ihre Daten liegen in einer anderen Datei, oder sie ist abgeschnitten',
  'passphrase-wanted': 'geben Sie die Passphrase an, die sie haben soll',
  'luks-keys-in-use': 'alle ihre Schlüssel sind belegt; entfernen Sie einen mit cryptsetup luksRemoveKey',
  'only-read': 'sie wird nur gelesen',
  'not-checked-in-part': 'sie wird nicht in Teilen geprüft',
  'piece-damaged': 'beschädigt ist „{place}“',
  'pieces-damaged':
    'mehr als {most} gepackte Stücke von ihr sind beschädigt; weitere werden nicht ausgepackt',
  'overlay-over-none': 'sie liegt über keinem Abbild',
  'overlay-over-other': 'sie liegt über {below} und nicht über {path}',
  'format-not-encrypted':
    'Abbilder des Formats {format} werden nicht verschlüsselt; nehmen Sie qcow2 oder luks',
  'format-not-encrypted-below': 'Abbilder des Formats {format} werden nicht verschlüsselt; nehmen Sie qcow2',
} as const satisfies Record<keyof typeof english, string>
