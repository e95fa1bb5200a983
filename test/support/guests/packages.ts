import { execFile, type ExecFileException } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** An image that cannot be had here; the message says why, and what would help. */
export class GuestMissing extends Error {}

/** Where packages and images are kept between runs, outside of the project. */
export function cacheFolder(...parts: string[]): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'vitrine-tests', ...parts)
}

/**
 * Runs a program to its end.
 * @returns what it printed
 * @throws GuestMissing when it is not installed or fails, with its last line of complaint
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: { folder?: string; input?: string; debian?: string; timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string): void => {
      if (error === null) resolve(stdout)
      else if (error.code === 'ENOENT') {
        reject(new GuestMissing(`needs the program ${program} (Debian package ${options.debian ?? program})`))
      } else {
        const complaint = stderr.trim().split('\n').at(-1) ?? ''
        reject(new GuestMissing(`${program} failed: ${complaint || error.message}`))
      }
    }
    const settings = { ...(options.folder === undefined ? {} : { cwd: options.folder }), maxBuffer: 1 << 26 }
    const timeout = options.timeoutMs ?? 600_000
    const child = execFile(program, args, { ...settings, encoding: 'utf8', timeout }, done)
    child.stdin?.on('error', () => {}) // a program that ends early does not read all of it
    child.stdin?.end(options.input ?? '')
  })
}

/**
 * Makes a file or folder once: `make` writes to a place beside it that takes the name when all went well, so
 * that what is there is whole, also when two processes make it at the same time.
 */
export async function once(path: string, make: (draft: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path
  await mkdir(join(path, '..'), { recursive: true })
  const draft = `${path}.${process.pid}.draft`
  try {
    await make(draft)
    await rename(draft, path)
  } catch (error) {
    if (!existsSync(path)) throw error // else another process was faster
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return path
}

export type Architecture = 'all' | 'i386'

/**
 * The unpacked files of a Debian package, fetched by name with the distribution's own client.
 * @param architecture i386 packages come by way of a private package list; all others as this machine has them
 */
export function debianPackage(name: string, architecture: Architecture = 'all'): Promise<string> {
  return once(cacheFolder('packages', `${name}_${architecture}`), async (draft) => {
    const options = architecture === 'i386' ? await i386Options() : []
    const folder = await mkdtemp(join(tmpdir(), 'vitrine-package-'))
    try {
      await runTool('apt-get', ['-qq', ...options, 'download', name], { folder, debian: 'apt' })
      const file = (await readdir(folder)).find((entry) => entry.endsWith('.deb'))
      if (file === undefined) throw new GuestMissing(`apt-get download ${name} brought nothing`)
      await mkdir(draft)
      await runTool('dpkg-deb', ['-x', join(folder, file), draft], { debian: 'dpkg' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
}

/** The newest package that a meta package stands for, such as linux-image-686 for a certain kernel. */
export async function dependencyOf(name: string, pattern: RegExp): Promise<string> {
  const text = await runTool('apt-cache', [...(await i386Options()), 'depends', name], { debian: 'apt' })
  const found = text
    .split('\n')
    .map((line) => /Depends: (\S+)/.exec(line)?.[1] ?? '')
    .find((candidate) => pattern.test(candidate))
  if (found === undefined) throw new GuestMissing(`${name} depends on nothing like ${String(pattern)}`)
  return found
}

const DAY_MS = 86_400_000

/**
 * Options that make apt look at i386 packages in lists of our own: a foreign architecture added to the machine
 * would need every one of its sources to carry it.
 */
async function i386Options(): Promise<string[]> {
  const root = cacheFolder('apt-i386')
  const options = [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', join(root, 'sources')],
    ['Dir::State', root],
    ['Dir::State::Lists', join(root, 'lists')],
    ['Dir::State::status', join(root, 'status')],
    ['Dir::Cache', join(root, 'cache')],
    ['APT::Architecture', 'i386'],
    ['APT::Architectures', 'i386'],
  ].flatMap(([name, value]) => ['-o', `${name ?? ''}=${value ?? ''}`])
  const stamp = join(root, 'updated')
  if (existsSync(stamp) && Date.now() - (await stat(stamp)).mtimeMs < DAY_MS) return options
  for (const folder of ['sources', 'lists/partial', 'cache/archives/partial']) {
    await mkdir(join(root, folder), { recursive: true })
  }
  await writeFile(join(root, 'status'), '')
  await writeFile(join(root, 'sources', 'main.list'), await mainSources())
  await runTool('apt-get', ['-qq', ...options, 'update'], { debian: 'apt' })
  await writeFile(stamp, '')
  return options
}

/** Keys of the Debian archive; part of the package debian-archive-keyring. */
export const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** This machine's own Debian archives with component main, the security archive left out. */
export async function mainArchives(): Promise<{ mirror: string; suite: string }[]> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = await runTool('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    debian: 'apt',
  })
  const lines = new Set(targets.split('\n').filter((line) => /\/debian\/? \S+ main$/.test(line)))
  if (lines.size === 0) throw new GuestMissing('this machine has no Debian package lists (apt-get update)')
  return [...lines].map((line) => {
    const [mirror = '', suite = ''] = line.split(' ')
    return { mirror, suite }
  })
}

async function mainSources(): Promise<string> {
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
  const archives = await mainArchives()
  return archives.map(({ mirror, suite }) => `deb ${signed}${mirror} ${suite} main\n`).join('')
}
