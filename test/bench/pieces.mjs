/** The pieces of work in guest.asm, in order: how much each does, in what, and why one would look at it. */
export const PIECES = [
  { name: 'alu16', work: 4, unit: 'M loops', about: 'six 16-bit instructions a loop' },
  { name: 'softint', work: 400, unit: 'k calls', about: 'INT n and IRET in real mode' },
  { name: 'farcall', work: 400, unit: 'k calls', about: 'far call, RETF and a segment load in real mode' },
  { name: 'portin', work: 200, unit: 'k reads', about: 'IN from a device' },
  { name: 'teletype', work: 2, unit: 'k chars', about: 'INT 10h through the firmware' },
  { name: 'alu32', work: 8, unit: 'M loops', about: 'six 32-bit instructions a loop' },
  { name: 'memory', work: 4, unit: 'M loops', about: 'a load and a read-modify-write' },
  { name: 'callret', work: 4, unit: 'M calls', about: 'near CALL and RET' },
  { name: 'repmovs', work: 625, unit: 'MiB', about: 'REP MOVSD' },
  {
    name: 'coldcode',
    work: 20,
    unit: 'k functions',
    about: 'code that is written, run twice and overwritten',
  },
  { name: 'cr3', work: 50, unit: 'k switches', about: 'another address space and 16 pages touched in it' },
  { name: 'int80', work: 300, unit: 'k calls', about: 'INT 80h from ring 3 to ring 0, and IRET' },
]
