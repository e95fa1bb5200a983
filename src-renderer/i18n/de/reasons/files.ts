import type { files as english } from '../../../../engine/protocol/reasons/files.ts'

/** Warum eine Datei nicht benutzbar ist. */
export const files = {
  technical: '„{text}“',
  'of-file': '{path}: {reason}',
  'of-device': '{device}: {reason}',
  'file-missing': 'die Datei gibt es nicht; prüfen Sie den Namen',
  'file-below-file': 'die Datei gibt es nicht; ein Ordner ihres Pfads ist eine Datei',
  'file-there': 'eine Datei dieses Namens gibt es schon',
  'disk-full': 'auf ihrem Datenträger ist kein Platz mehr',
  'file-forbidden':
    'Sie dürfen sie nicht öffnen; ändern Sie die Zugriffsrechte, oder öffnen Sie sie nur zum Lesen',
  'file-system-read-only':
    'ihr Dateisystem lässt sich nur lesen; öffnen Sie sie nur zum Lesen oder mit verworfenen Änderungen',
  'file-empty': 'sie ist leer',
  'file-is-folder': 'es ist ein Ordner und kein Abbild',
  'file-is-device': 'es ist ein Gerät oder eine Pipe und kein Abbild',
  'file-grown': 'sie ist so groß, wie ihr Datenträger oder die Rechte dieses Benutzers erlauben',
  'file-deleted': 'sie wurde gelöscht, während sie in Gebrauch war',
  'image-written-elsewhere':
    'Prozess {process} schreibt in sie; schließen Sie sie dort, oder öffnen Sie sie hier und dort nur zum Lesen',
  'image-read-elsewhere':
    'Prozess {process} liest sie; schließen Sie sie dort, oder öffnen Sie sie hier und dort nur zum Lesen',
  'image-written-here':
    'ein anderes Laufwerk dieses Programms schreibt in sie; schließen Sie sie dort, oder öffnen Sie beide nur zum Lesen',
  'image-read-here':
    'ein anderes Laufwerk dieses Programms liest sie; schließen Sie sie dort, oder öffnen Sie beide nur zum Lesen',
  'file-link-circle': 'ihre symbolischen Verknüpfungen führen im Kreis',
  'file-name-long': 'ihr Name ist zu lang',
  'files-too-many-open': 'zu viele Dateien sind offen',
  'file-running': 'sie ist ein Programm, das gerade läuft',
  'file-too-large-here': 'sie ist größer, als dieser Rechner öffnen kann',
  'file-size-impossible': 'sie gibt {bytes} Bytes an, die keine Platte hat',
  'file-not-opened': 'sie lässt sich nicht öffnen ({code})',
  'file-not-read': 'sie lässt sich nicht lesen ({code})',
  'file-not-written': 'sie lässt sich nicht schreiben ({code})',
  'file-written-no-more': 'sie lässt sich nicht schreiben und nimmt nichts mehr auf ({code})',
  'file-not-resized': 'ihre Größe lässt sich nicht ändern ({code})',
  'file-not-flushed': 'was in sie geschrieben wurde, ließ sich nicht sichern ({code})',
  'file-not-closed': 'sie lässt sich nicht schließen ({code})',
  'file-cut-short': 'sie wurde gekürzt, nachdem sie geöffnet war',
  'file-closed': 'sie war schon geschlossen',
  'host-wrote-nothing': 'dieser Rechner schrieb nichts',
  'opened-read-only': 'sie ist nur zum Lesen geöffnet',
  'write-protected': 'sie ist schreibgeschützt',
  'ephemeral-full': 'ihre Änderungen füllen die {bytes} Bytes Speicher, die sie belegen dürfen',
  'file-not-placed': 'sie lässt sich nicht an ihren Platz bringen',
  'file-not-copied': 'sie lässt sich nicht kopieren',
  'file-not-locked':
    'sie lässt sich nicht sperren: {folder} ist nicht beschreibbar; öffnen Sie sie nur zum Lesen',
  'folder-not-there': 'den Ordner {folder} gibt es nicht',
  'file-not-there': 'die Datei gibt es nicht',
  'folder-there': 'den gibt es schon; geben Sie den Namen eines neuen Ordners an',
  'cut-short': 'sie ist abgeschnitten',
  'ends-before': 'sie endet davor',
  'path-is-directory': 'sie ist ein Ordner; nennen Sie eine Datei darin',
  'path-is-device': 'sie ist ein Gerät oder eine Pipe; nennen Sie eine gewöhnliche Datei',
  'path-empty': 'sie ist leer; geben Sie eine Datei mit Inhalt an',
  'path-not-readable': 'sie darf nicht gelesen werden; ändern Sie ihre Zugriffsrechte',
  'path-folder-missing': 'den Ordner {folder} gibt es nicht; legen Sie ihn erst an',
  'path-link-circle': 'ihre Verknüpfungen führen im Kreis',
} as const satisfies Record<keyof typeof english, string>
