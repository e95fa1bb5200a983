/** Exit status of a run, unless the guest chose its own. */
export const EXIT = { ok: 0, usage: 1, crashed: 2, timeout: 124 } as const
