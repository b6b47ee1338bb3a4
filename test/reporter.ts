/**
 * Prints one last line `N passed, N failed, N skipped` that counts tests, for people and programs that read only the
 * end of a log. Everything else is left to vitest's default reporter.
 */
import type { Reporter, SerializedError, TestModule } from 'vitest/node'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The closing line. */
export function closingLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
}

/** Counts tests; a file that broke before its tests ran, and an error outside of any test, count as one failure each. */
export function countTests(modules: readonly TestModule[], errors: readonly SerializedError[]): Counts {
  let passed = 0
  let failed = errors.length
  let skipped = 0
  for (const module of modules) {
    const before = failed
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed++
      else if (state === 'skipped') skipped++
      else failed++
    }
    if (module.state() === 'failed' && failed === before) failed++
  }
  return { passed, failed, skipped }
}

/** The reporter, for `reporters` in `vitest.config.ts`. */
export class ClosingLineReporter implements Reporter {
  #line = closingLine({ passed: 0, failed: 0, skipped: 0 })

  onInit(): void {
    // At exit, because global teardown and vitest's own summary may still write after the last test.
    process.once('exit', () => console.log(this.#line))
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    this.#line = closingLine(countTests(modules, errors))
  }
}
