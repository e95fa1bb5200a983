// Checks the types of every part of the project, each with its own libraries (the engine without the DOM, which what runs in pages of tests has).
import { carryOut, holds, present, runTool } from './lib/steps.mjs'

const check = (name, tool, config, folder, ...endings) => ({
  name: `types of ${name}`,
  missing: present(config) && holds(folder, ...endings) ? '' : `nothing in ${folder} yet`,
  run: () => runTool(tool, ['-p', config, '--noEmit', '--pretty']),
})

const failed = await carryOut([
  check('engine and tests', 'tsc', 'tsconfig.engine.json', 'engine', '.ts'),
  check('end-to-end tests', 'tsc', 'tsconfig.e2e.json', 'test/e2e', '.ts'),
  check('tools', 'tsc', 'tsconfig.tools.json', 'tools', '.ts'),
  check('the host side', 'tsc', 'tsconfig.main.json', 'src-main', '.ts'),
  check('the renderer', 'vue-tsc', 'tsconfig.renderer.json', 'src-renderer', '.ts', '.vue'),
])
process.exitCode = failed.length === 0 ? 0 : 1
