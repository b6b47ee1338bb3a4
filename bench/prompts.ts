/** Real text for measurements that need a lot of it. */
import { loadSuite } from '../src/bench/index.ts'

/** All turns of Spec-Bench's prompts, in the file's order. */
export function specBenchText(): string {
  return loadSuite()
    .questions.flatMap(({ turns }) => turns)
    .join('\n\n')
}
