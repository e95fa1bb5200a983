// Takes the pictures of docs/screens.md: every page and dialog of the built application, light and dark, in
// Chromium. `npm run build` first.
import { at, runTool } from './lib/steps.mjs'

const test = ['run', '--project', 'e2e', 'test/e2e/every-page.test.ts']
process.exitCode = await runTool('vitest', test, { env: { VITRINE_SCREENS: at('docs/images/screens') } })
