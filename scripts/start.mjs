import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `npm start`: builds when needed, then opens the application, or its interface as a web page where Electron cannot be had. */
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SOURCES = [
  'engine',
  'src-main',
  'src-renderer',
  'guests',
  'tools',
  'resources',
  'docs/user-guide.md',
  'docs/user-guide.de.md',
  'electron.vite.config.ts',
  'package.json',
]
const PRODUCTS = ['out/main/index.js', 'out/cli/index.js', 'out/preload/index.cjs', 'out/renderer/index.html']

function newest(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 0
  if (!found.isDirectory()) return found.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function isBuilt() {
  const built = PRODUCTS.map((file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return Math.min(...built) > Math.max(...SOURCES.map((path) => newest(join(root, path))))
}

/** The Electron program, or null. The package's own entry is not asked: it would download. */
function electronProgram() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'))
    const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist')
    const program = join(dist, readFileSync(join(folder, 'path.txt'), 'utf8').trim())
    return existsSync(program) ? program : null
  } catch {
    return null
  }
}

/** Electron's package downloads its program on first use; where that cannot be, this fails after a while. */
function fetchElectron() {
  if (process.env.VITRINE_WEB || process.env.ELECTRON_SKIP_BINARY_DOWNLOAD || electronProgram()) return
  const script = join(root, 'node_modules', 'electron', 'install.js')
  if (existsSync(script)) spawnSync(process.execPath, [script], { stdio: 'ignore', timeout: 120_000 })
}

function run(program, args) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
  // Ctrl+C reaches the child as well, which ends in good order; this process waits for it.
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => signal === 'SIGTERM' && child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`vitrine: ${program}: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (status) => (process.exitCode = status ?? 1))
}

if (!isBuilt()) {
  process.stdout.write('Building Vitrine...\n')
  const npm = process.env.npm_execpath
  const [program, ...args] = npm ? [process.execPath, npm] : ['npm']
  const { status } = spawnSync(program, [...args, 'run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: !npm && process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}
fetchElectron()
const electron = process.env.VITRINE_WEB ? null : electronProgram()
const hasScreen = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY
if (electron && hasScreen) run(electron, [root])
else {
  const why = electron
    ? 'There is no screen here'
    : 'The Electron program is not here and could not be downloaded'
  process.stdout.write(
    `${process.env.VITRINE_WEB ? 'As asked' : why}: Vitrine opens as a web page instead.\n`,
  )
  run(process.execPath, [join(root, 'out', 'cli', 'index.js'), 'serve', '--open'])
}
