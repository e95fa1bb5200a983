/** Source text of the constants that the transcendental instructions use. */
export function fpuTables(): string {
  return 'export const NONE: u32 = 0\n'
}
