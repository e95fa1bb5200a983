import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { completionOf } from './completion.ts'
import { manualPage } from './manual.ts'
import { createProgram } from './program.ts'

const program = await createProgram(() => {})
const finds = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${name}`))

/** What bash offers after a line, whose last word is being typed. */
function bashOffers(...line: string[]): string[] {
  const script = `${completionOf('bash', program)}
vitrine() { printf 'dos-6\\tMy DOS\\toff\\nnt-4\\tNT\\trunning\\n'; }
COMP_WORDS=(vitrine "$@"); COMP_CWORD=$#; _vitrine; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script, 'bash', ...line], { encoding: 'utf8' })
    .trim()
    .split('\n')
}

describe('completion', () => {
  it('offers commands, options, choices and machines in bash', () => {
    expect(bashOffers('')).toEqual(expect.arrayContaining(['run', 'start', 'stop', 'media', 'completion']))
    expect(bashOffers('')).not.toContain('manual')
    expect(bashOffers('re')).toEqual(['resume', 'reset'])
    expect(bashOffers('run', '--cpu')).toEqual(['--cpus', '--cpu-model'])
    expect(bashOffers('media', 'con')).toEqual(['convert'])
    expect(bashOffers('media', 'create', '--si')).toEqual(['--size'])
    expect(bashOffers('stop', 'd')).toEqual(['dos-6'])
    expect(bashOffers('start', 'dos-6', '--display', '')).toEqual(['web', 'none'])
  })

  it('leaves files to bash', () => {
    expect(bashOffers('run', '--floppy', 'ima')).toEqual([''])
  })

  it.each(['zsh', 'fish'] as const)('has every command for %s, in its syntax', (shell) => {
    const script = completionOf(shell, program)
    for (const command of program.commands.filter((child) => !['manual', 'help'].includes(child.name())))
      expect(script).toContain(command.name())
    if (finds(shell)) execFileSync(shell, ['-n'], { input: script })
  })
})

it('is the same for `run` where that is all of it', async () => {
  const alone = await createProgram(() => {}, 'run')
  const help = ({ commands }: typeof program) =>
    commands.find((command) => command.name() === 'run')!.helpInformation()
  expect(help(alone)).toBe(help(program))
  expect(alone.commands.map((command) => command.name())).toEqual(['run'])
})

describe('the manual page', () => {
  const page = manualPage(program)

  it('has every command with its options, and what the help says after them', () => {
    expect(page).toMatch(/^\.TH VITRINE 1 /)
    expect(page).toContain('.SS stop [options] <id>')
    expect(page).toContain('.SS media create ')
    expect(page).toContain('.B \\-\\-memory <MIB>')
    expect(page).toContain('wait:')
    expect(page).not.toContain('manual page')
  })

  if (!finds('groff')) process.stderr.write('skipped: manual page in groff: groff is not installed\n')
  it.skipIf(!finds('groff'))('is understood by groff without a warning', () => {
    const problems = execFileSync('groff', ['-man', '-ww', '-z'], { input: page, encoding: 'utf8' })
    expect(problems).toBe('')
  })
})
