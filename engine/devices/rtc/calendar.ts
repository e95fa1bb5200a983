import { fromBcd, toBcd } from '../../base/bits.ts'

/** Registers that count time; CENTURY is also seen at 37h, where PS/2 systems and Windows 2000 look. */
export const TIME = {
  SECONDS: 0x00,
  MINUTES: 0x02,
  HOURS: 0x04,
  WEEKDAY: 0x06,
  DAY: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  CENTURY: 0x32,
  CENTURY_PS2: 0x37,
} as const

export const ALARM = { SECONDS: 0x01, MINUTES: 0x03, HOURS: 0x05 } as const

/** How the bytes are written: register B's DM and 24/12 bits. */
export interface TimeFormat {
  binary: boolean
  hours24: boolean
}

const PM = 0x80
/** Alarm bytes with both top bits set match every value. */
const ANY = 0xc0
const SECONDS_PER_DAY = 86_400
const MS_PER_DAY = SECONDS_PER_DAY * 1000

const decode = (byte: number, { binary }: TimeFormat): number => (binary ? byte : fromBcd(byte))
const encode = (value: number, { binary }: TimeFormat): number => (binary ? value : toBcd(value))

function decodeHours(byte: number, format: TimeFormat): number {
  if (format.hours24) return decode(byte, format)
  return (decode(byte & ~PM, format) % 12) + (byte & PM ? 12 : 0)
}

function encodeHours(hours: number, format: TimeFormat): number {
  if (format.hours24) return encode(hours, format)
  return encode(hours % 12 || 12, format) | (hours >= 12 ? PM : 0)
}

function readDate(ram: Uint8Array, format: TimeFormat): Date {
  const at = (register: number) => decode(ram[register]!, format)
  const date = new Date(0)
  date.setUTCFullYear(at(TIME.CENTURY) * 100 + at(TIME.YEAR), at(TIME.MONTH) - 1, at(TIME.DAY))
  date.setUTCHours(decodeHours(ram[TIME.HOURS]!, format), at(TIME.MINUTES), at(TIME.SECONDS))
  return date
}

function writeDate(ram: Uint8Array, date: Date, format: TimeFormat): void {
  const year = date.getUTCFullYear()
  ram[TIME.SECONDS] = encode(date.getUTCSeconds(), format)
  ram[TIME.MINUTES] = encode(date.getUTCMinutes(), format)
  ram[TIME.HOURS] = encodeHours(date.getUTCHours(), format)
  ram[TIME.DAY] = encode(date.getUTCDate(), format)
  ram[TIME.MONTH] = encode(date.getUTCMonth() + 1, format)
  ram[TIME.YEAR] = encode(year % 100, format)
  ram[TIME.CENTURY] = ram[TIME.CENTURY_PS2] = encode(Math.floor(year / 100) % 100, format)
}

/** Sets all time registers, the weekday too (Sunday is 1). @param unixMs ms since 1970-01-01 */
export function setTime(ram: Uint8Array, unixMs: number, format: TimeFormat): void {
  const date = new Date(unixMs)
  writeDate(ram, date, format)
  ram[TIME.WEEKDAY] = date.getUTCDay() + 1
}

/**
 * Counts some whole seconds on. What the guest wrote stays as it is until then, however impossible a date;
 * the weekday is counted by itself, as the chip does, and need not fit the date.
 */
export function advance(ram: Uint8Array, seconds: number, format: TimeFormat): void {
  const before = readDate(ram, format)
  const after = new Date(before.getTime() + seconds * 1000)
  writeDate(ram, after, format)
  const days = Math.floor(after.getTime() / MS_PER_DAY) - Math.floor(before.getTime() / MS_PER_DAY)
  if (days > 0) ram[TIME.WEEKDAY] = ((Math.max(1, ram[TIME.WEEKDAY]!) - 1 + days) % 7) + 1
}

/** Seconds until the alarm registers match, 1 to 86400, or null when their values never come up. */
export function secondsToAlarm(ram: Uint8Array, format: TimeFormat): number | null {
  const at = (register: number) => decode(ram[register]!, format)
  const wanted = (register: number, value: number) => (ram[register]! >= ANY ? null : value)
  const hours = wanted(ALARM.HOURS, decodeHours(ram[ALARM.HOURS]!, format))
  const minutes = wanted(ALARM.MINUTES, at(ALARM.MINUTES))
  const seconds = wanted(ALARM.SECONDS, at(ALARM.SECONDS))
  if ((hours ?? 0) > 23 || (minutes ?? 0) > 59 || (seconds ?? 0) > 59) return null

  const now = (decodeHours(ram[TIME.HOURS]!, format) * 60 + at(TIME.MINUTES)) * 60 + at(TIME.SECONDS)
  const first = Math.floor((now + 1) / 60)
  // Minute by minute through the next day: the match lies within one of them.
  for (let minute = first; minute <= first + 24 * 60; minute++) {
    if (minutes !== null && minute % 60 !== minutes) continue
    if (hours !== null && Math.floor(minute / 60) % 24 !== hours) continue
    const match = seconds === null ? Math.max(minute * 60, now + 1) : minute * 60 + seconds
    if (match > now) return match - now
  }
  return null
}
