// Everything that is read rather than run: layout, lint rules, directions of imports, dead code.
import { carryOut, holds, present, runTool } from './lib/steps.mjs'

const CODE = ['engine', 'src-main', 'src-renderer', 'tools', 'test', 'scripts'].filter((folder) =>
  present(folder),
)

const failed = await carryOut([
  { name: 'layout', run: () => runTool('oxfmt', ['--check', '.']) },
  { name: 'lint', run: () => runTool('oxlint', ['--type-aware', '--deny-warnings', ...CODE]) },
  {
    name: 'lint of components',
    missing: holds('src-renderer', '.vue') ? '' : 'there are none yet',
    run: () => runTool('eslint', ['src-renderer/**/*.vue']),
  },
  {
    name: 'directions of imports',
    run: () =>
      runTool('depcruise', ['--config', '.dependency-cruiser.cjs', ...CODE.filter((f) => f !== 'scripts')]),
  },
  { name: 'dead code', run: () => runTool('knip', ['--no-progress']) },
])
process.exitCode = failed.length === 0 ? 0 : 1
