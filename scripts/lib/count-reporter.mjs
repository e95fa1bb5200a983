import { writeFileSync } from 'node:fs'

/** A vitest reporter that leaves the numbers of a run, what failed, and why tests were skipped, in a JSON file. */
export default class CountReporter {
  #file = process.env.VITRINE_COUNTS

  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: errors.length, skipped: 0, reasons: [], failures: [] }
    for (const error of errors) counts.failures.push({ test: 'outside of any test', message: error.message })
    for (const module of modules) {
      const [broken] = module.errors()
      if (broken !== undefined) {
        counts.failed++
        counts.failures.push({ test: module.moduleId, message: broken.message })
      }
      for (const test of module.children.allTests()) {
        const { state, note, errors: reasons } = test.result()
        if (state === 'failed')
          counts.failures.push({ test: test.fullName, message: reasons[0]?.message ?? '' })
        if (state === 'passed' || state === 'failed') counts[state]++
        else {
          counts.skipped++
          counts.reasons.push({ test: test.fullName, reason: note ?? '' })
        }
      }
    }
    if (this.#file !== undefined) writeFileSync(this.#file, JSON.stringify(counts))
  }
}
