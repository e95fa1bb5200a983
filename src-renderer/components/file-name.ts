/** The last part of a path of either kind of system; null of none. */
export const fileName = (path: string | null): string | null => path?.split(/[\\/]/).at(-1) ?? null
