const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** A number of bytes in the largest unit that it has one of, in the words of a language. */
export function byteText(bytes: number, locale: string): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  const style = { style: 'unit', unit: UNITS[unit]!, unitDisplay: 'short' } as const
  return new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: digits }).format(value)
}
