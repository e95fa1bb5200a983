/** Rows as comma-separated values, as spreadsheets read them. */
export const csvOf = (rows: readonly (readonly (string | number)[])[]): string =>
  rows
    .map((row) => row.map((cell) => (typeof cell === 'number' ? cell : quoted(cell))).join(',') + '\r\n')
    .join('')

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
