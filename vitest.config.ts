import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './test/reporter.ts'

// Forked processes: native state (loaded libraries, thread pools) must not leak from one test file into the next.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // They end what hangs; a machine that is ten times slower, or busy with others, shall not meet them.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Chance in a test must not stop everybody's work. It is not hidden either: the closing lines name it, and it is mended.
    retry: 1,
    // What is waited for comes in its own time on a busy machine; vitest gives up after a second.
    expect: { poll: { timeout: 60_000 } },
    globalSetup: ['test/setup.ts'],
    setupFiles: ['test/properties.ts'],
    // Two workers on two cores: threads of one process would spin while they wait for a core that another one has.
    env: { HETEROSPEC_THREADS: '1' },
    reporters: ['default', new ClosingLineReporter()],
  },
})
