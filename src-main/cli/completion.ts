import { Argument, Command } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** A command as shells complete it. */
interface Entry {
  /** Words that lead to it, "media create"; empty for the program itself. */
  path: string
  summary: string
  commands: { name: string; summary: string }[]
  options: { long: string; help: string; takesValue: boolean; choices: readonly string[] }[]
  /** Its first argument is a machine of the library. */
  takesMachine: boolean
}

function entries(command: Command, path: readonly string[] = []): Entry[] {
  const children = command.commands.filter(
    (child) => !(child as unknown as { _hidden?: boolean })._hidden && child.name() !== 'help',
  )
  const own: Entry = {
    path: path.join(' '),
    summary: command.summary() || command.description(),
    commands: children.map((child) => ({ name: child.name(), summary: child.summary() })),
    options: command.options
      .filter(({ hidden, long }) => !hidden && long)
      .map(({ long, description, required, optional, argChoices }) => ({
        long: long!,
        help: description,
        takesValue: required || optional,
        choices: argChoices ?? [],
      })),
    takesMachine: command.registeredArguments[0]?.name() === 'id',
  }
  return [own, ...children.flatMap((child) => entries(child, [...path, child.name()]))]
}

/** In single quotes for a shell of the Bourne family, and for fish. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const words = ({ commands, options }: Entry): string =>
  [...commands.map(({ name }) => name), ...options.map(({ long }) => long), '--help'].join(' ')

function bash(all: readonly Entry[]): string {
  const groups = all.filter(({ path, commands }) => path && commands.length).map(({ path }) => path)
  const values = all.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length)
      .map(
        ({ long, choices }) =>
          `    ${quoted(`${path} ${long}`)}) closed=1 words=${quoted(choices.join(' '))} ;;`,
      ),
  )
  return `# Completion of vitrine for bash: source this file, or put it where bash-completion looks.
_vitrine() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local path=\${COMP_WORDS[1]} first=2 words='' closed='' at
  [ "$COMP_CWORD" -eq 1 ] && path=''
  case " ${groups.join(' ')} " in
    *" $path "*) [ -n "$path" ] && [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" && first=3 ;;
  esac
  case "$path $previous" in
${values.join('\n')}
    *) case "$path" in
${all.map((entry) => `      ${quoted(entry.path)}) words=${quoted(words(entry))} ;;`).join('\n')}
      esac
      if [ "$COMP_CWORD" -eq "$first" ]; then
        case "$path" in
          ${all
            .filter(({ takesMachine }) => takesMachine)
            .map(({ path }) => quoted(path))
            .join('|')}) words="$words $(vitrine list 2>/dev/null | cut -f1)" ;;
        esac
      fi ;;
  esac
  COMPREPLY=()
  # Without a word to complete with, the files that \`-o default\` offers.
  if [[ -n $closed || $current == -* || $COMP_CWORD -le $first ]]; then
    for at in $(compgen -W "$words" -- "$current"); do COMPREPLY+=("$at"); done
  fi
}
complete -o default -F _vitrine vitrine
`
}

function zsh(all: readonly Entry[]): string {
  const escape = (text: string) => text.replaceAll(/[[\]:\\]/g, (character) => `\\${character}`)
  const list = (name: string, of: Entry['commands']) =>
    `${name}=(${of.map(({ name: word, summary }) => quoted(`${escape(word)}:${escape(summary)}`)).join(' ')})`
  const spec = ({ long, help, takesValue, choices }: Entry['options'][number]) => {
    const value = choices.length ? `:value:(${choices.join(' ')})` : takesValue ? ':value:_files' : ''
    return quoted(`*${long}[${escape(help)}]${value}`)
  }
  const [program, ...commands] = all
  const cases = commands.map((entry) => {
    const rest = entry.takesMachine ? quoted('1:machine:_vitrine_machines') : ''
    const body = entry.commands.length
      ? `if (( CURRENT == 3 )); then ${list('commands', entry.commands)}; _describe command commands; fi`
      : `shift ${entry.path.split(' ').length} words; (( CURRENT -= ${entry.path.split(' ').length} )); _arguments ${[...entry.options.map(spec), rest, quoted('*:file:_files')].filter(Boolean).join(' ')}`
    return `    ${quoted(entry.path)}) ${body} ;;`
  })
  const groups = commands.filter((entry) => entry.commands.length).map(({ path }) => path)
  return `#compdef vitrine
# Completion of vitrine for zsh: save it as _vitrine in a folder of $fpath.
_vitrine_machines() {
  local -a machines
  machines=(\${(f)"$(vitrine list 2>/dev/null | cut -f1)"})
  _describe machine machines
}
_vitrine() {
  local -a commands
  local path=$words[2]
  if (( CURRENT == 2 )); then
    ${list('commands', program!.commands)}
    _describe command commands
    return
  fi
  if [[ " ${groups.join(' ')} " == *" $path "* ]] && (( CURRENT > 3 )); then path="$path $words[3]"; fi
  case $path in
${cases.join('\n')}
  esac
}
_vitrine "$@"
`
}

function fish(all: readonly Entry[]): string {
  const lines = all.flatMap(({ path, commands, options, takesMachine }) => {
    const [group, leaf] = path.split(' ')
    const seen = path
      ? `__fish_seen_subcommand_from ${group}${leaf ? `; and __fish_seen_subcommand_from ${leaf}` : ''}`
      : '__fish_use_subcommand'
    const others = commands.map(({ name }) => name).join(' ')
    const inGroup = path && commands.length ? `${seen}; and not __fish_seen_subcommand_from ${others}` : seen
    return [
      ...commands.map(
        ({ name, summary }) =>
          `complete -c vitrine -f -n ${quoted(inGroup)} -a ${name} -d ${quoted(summary)}`,
      ),
      ...options.map(({ long, help, takesValue, choices }) => {
        const value = choices.length ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : ''
        return `complete -c vitrine -n ${quoted(seen)} -l ${long.slice(2)}${value} -d ${quoted(help)}`
      }),
      ...(takesMachine
        ? [`complete -c vitrine -f -n ${quoted(seen)} -a '(vitrine list 2>/dev/null | cut -f1)'`]
        : []),
    ]
  })
  return [
    '# Completion of vitrine for fish: save it as ~/.config/fish/completions/vitrine.fish.',
    ...lines,
    '',
  ].join('\n')
}

const WRITERS: Record<Shell, (all: readonly Entry[]) => string> = { bash, zsh, fish }

/** The completion of a shell, made from the definitions of the commands. */
export const completionOf = (shell: Shell, program: Command): string => WRITERS[shell](entries(program))

export function completionCommand(program: Command): Command {
  return new Command('completion')
    .summary('print the completion of a shell')
    .description('Prints the completion of a shell, for instance for bash: source <(vitrine completion bash)')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(completionOf(shell, program)))
}
