/** SIGKILL at random moments: `scripts/kill-training.ts` with few kills. */
import { expect, it } from 'vitest'
import { killTraining } from '../../scripts/kill-training.ts'
import { program } from './cli.ts'

it('head data and head train go on after SIGKILL at any moment, to the same result', async () => {
  const report = await killTraining({ program, dataKills: 1, trainingKills: 2, seed: 1 })
  expect(report.data).toHaveLength(1)
  expect(report.training).toHaveLength(2)
  expect(report.compared).toBeGreaterThan(1)
}, 600_000)
