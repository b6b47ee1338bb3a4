/**
 * Property tests draw the same examples in every run, so that a red run speaks of the change and not of luck. Others are looked at
 * on purpose: `PROPERTY_SEED=$RANDOM PROPERTY_RUNS=5000 npx vitest run src` (runs where a test does not say how many).
 */
import { configureGlobal } from 'fast-check'

const { PROPERTY_SEED = '1', PROPERTY_RUNS = '100' } = process.env
configureGlobal({ seed: Number(PROPERTY_SEED), numRuns: Number(PROPERTY_RUNS) })
