/** SIGKILL at random moments: `scripts/kill-training.ts` with few kills. */
import { expect, it } from 'vitest'
import { killTraining } from '../../scripts/kill-training.ts'
import { program } from './cli.ts'

it('head data and head train go on after SIGKILL at any moment, to the same result', async () => {
  const report = await killTraining({ program, dataKills: 2, trainingKills: 3, seed: 1 + (Date.now() % 1000) })
  expect(report.data).toHaveLength(2)
  expect(report.training).toHaveLength(3)
  expect(report.compared).toBeGreaterThan(1)
})
