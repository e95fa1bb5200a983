/** Where devices note guest mistakes and surprises. Implementations limit the rate and escape guest text. */
export interface Log {
  warn(message: string): void
}

export const silentLog: Log = { warn() {} }
