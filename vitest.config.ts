import { defineConfig } from 'vitest/config'
import { checkedIndexing } from './test/fuzz/checked-indexing.ts'

const project = (name: string, include: string[], testTimeout = 10_000) => ({
  test: { name, include, testTimeout, hookTimeout: 120_000 },
})

/** These open a browser on the built app: one after the other, with the host to themselves. */
const alone = (name: string, include: string[], testTimeout: number) => ({
  test: { ...project(name, include, testTimeout).test, fileParallelism: false },
})

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('unit', [
        'engine/**/*.test.ts',
        'src-main/**/*.test.ts',
        'src-renderer/**/*.test.ts',
        'tools/**/*.test.ts',
      ]),
      project('conformance', ['test/conformance/**/*.test.ts'], 600_000),
      project('guests', ['test/guests/**/*.test.ts'], 900_000),
      project('guests-disk', ['test/guests-disk/**/*.test.ts'], 3_600_000),
      alone('e2e', ['test/e2e/**/*.test.ts'], 120_000),
      project('package', ['test/package/**/*.test.ts'], 600_000),
      { plugins: [checkedIndexing()], ...project('fuzz', ['test/fuzz/**/*.test.ts'], 3_600_000) },
    ],
  },
})
