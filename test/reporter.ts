/**
 * Prints one last line `N passed, N failed, N skipped` that counts tests, for people and programs that read only the
 * end of a log, and before it the tests that passed at their second try only. Everything else is left to vitest's
 * default reporter.
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

/** A line for each test that failed and then passed: something in it hangs on chance. */
export function flakyLines(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests()]
      .filter((test) => test.diagnostic()?.flaky === true)
      .map((test) => `flaky: ${module.relativeModuleId} > ${test.fullName}`),
  )
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
  #lines = [closingLine({ passed: 0, failed: 0, skipped: 0 })]

  onInit(): void {
    // At exit, because global teardown and vitest's own summary may still write after the last test.
    process.once('exit', () => console.log(this.#lines.join('\n')))
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    this.#lines = [...flakyLines(modules), closingLine(countTests(modules, errors))]
  }
}
