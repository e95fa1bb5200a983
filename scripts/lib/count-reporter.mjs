import { writeFileSync } from 'node:fs'

/** A vitest reporter that leaves the numbers of a run, and why tests were skipped, in a JSON file. */
export default class CountReporter {
  #file = process.env.VITRINE_COUNTS

  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: errors.length, skipped: 0, reasons: [] }
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++
      for (const test of module.children.allTests()) {
        const { state, note } = test.result()
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
