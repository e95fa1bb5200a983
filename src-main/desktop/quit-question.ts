/** What may become of machines that run when the application ends, in the order of the question's buttons. */
export const ENDINGS = ['save', 'shutDown', 'powerOff'] as const
export type Ending = (typeof ENDINGS)[number]

interface Question {
  message: string
  detail: string
  /** One for each ending, and one to stay. */
  buttons: [string, string, string, string]
}

/** The question in the language of the system; it is asked by the system's own dialog, outside of the pages. */
export function quitQuestion(count: number, locale: string): Question {
  if (locale.startsWith('de'))
    return {
      message: count === 1 ? 'Eine Maschine ist an.' : `${count} Maschinen sind an.`,
      detail:
        'Ein gesicherter Zustand geht beim nächsten Start genau hier weiter. Herunterfahren drückt den Netzschalter und wartet eine halbe Minute; danach, oder gleich, wird ausgeschaltet, und was Gäste nicht gesichert haben, ist verloren.',
      buttons: ['Zustand sichern', 'Herunterfahren', 'Ausschalten', 'Abbrechen'],
    }
  return {
    message: count === 1 ? 'A machine is running.' : `${count} machines are running.`,
    detail:
      'A saved state goes on exactly here at the next start. Shutting down presses the power button and waits for half a minute; then, or at once, power is cut, and what guests have not saved is lost.',
    buttons: ['Save state', 'Shut down', 'Power off', 'Cancel'],
  }
}
