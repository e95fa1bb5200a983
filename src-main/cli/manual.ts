import type { EventEmitter } from 'node:events'
import type { Command } from 'commander'

/** Text for roff: backslashes, hyphens and leading dots mean something there. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n')

/** The description alone, without the usage and the tables that `--help` makes around it. */
function prose(command: Command): string {
  return command.description() || command.summary()
}

/** What a command's help says after its options. */
function afterHelp(command: Command): string {
  let text = ''
  // Commander tells its listeners how to write; nothing else in the help is wanted here.
  const emitter = command as unknown as EventEmitter // which its types leave out
  emitter.emit('afterHelp', { error: false, command, write: (part: string) => (text += part) })
  return text.trim()
}

function options(command: Command): string[] {
  return command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ flags, description, defaultValue }) => {
      const usual = defaultValue === undefined ? '' : ` (default: ${String(defaultValue)})`
      return ['.TP', `.B ${roff(flags)}`, roff(description + usual)]
    })
}

/** Leaves of the tree of commands, each with the words that lead to it. */
function leaves(command: Command, words: readonly string[] = []): { words: string; command: Command }[] {
  return command.commands.flatMap((child) => {
    if ((child as unknown as { _hidden?: boolean })._hidden || child.name() === 'help') return []
    const path = [...words, child.name()]
    return child.commands.length ? leaves(child, path) : [{ words: path.join(' '), command: child }]
  })
}

function section(words: string, command: Command): string[] {
  const after = afterHelp(command)
  return [
    `.SS ${roff(words)} ${roff(command.usage())}`,
    roff(prose(command)),
    ...options(command),
    ...(after ? ['.PP', '.nf', roff(after), '.fi'] : []),
  ]
}

/** The manual page of the command line, in the man macros of roff. */
export function manualPage(program: Command): string {
  return [
    `.TH VITRINE 1 "" "vitrine ${program.version()}" "User Commands"`,
    '.SH NAME',
    `vitrine \\- ${roff('virtual PCs for old systems')}`,
    '.SH SYNOPSIS',
    '.B vitrine',
    '.I command',
    '[\\fIoption\\fR ...]',
    '.SH DESCRIPTION',
    roff(prose(program)),
    '.SH COMMANDS',
    ...leaves(program).flatMap(({ words, command }) => section(words, command)),
    '.SH ENVIRONMENT',
    '.TP',
    '.B VITRINE_HOME',
    'Folder of the library; where the platform keeps data of applications when it is not set.',
    '.SH EXIT STATUS',
    '0 all went well; 1 wrong use, or a file or machine that cannot be used; 2 the guest crashed the machine;',
    '124 the time was up; 130 interrupted.',
    '',
  ].join('\n')
}
