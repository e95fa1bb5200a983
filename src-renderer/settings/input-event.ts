/** What a form control says in its event; templates know no types. */
export const textOf = (event: Event): string =>
  (event.target as HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement).value
export const numberOf = (event: Event): number => (event.target as HTMLInputElement).valueAsNumber
export const isChecked = (event: Event): boolean => (event.target as HTMLInputElement).checked
