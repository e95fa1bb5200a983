/** The last part of a path of either kind of system. */
export const fileName = (path: string | null): string => path?.split(/[\\/]/).at(-1) ?? 'empty'
