/** Child process of `train.test.ts`: trains on fakes with a checkpoint after every step, until it is killed or done. */
import { writeFileSync } from 'node:fs'
import { runTraining } from '../../src/train/run/train.ts'
import { fakeRun } from './training-run.ts'

const [path = '', result = ''] = process.argv.slice(2)
const parts = fakeRun(path)
// Large enough that a kill hits the middle of a write now and then.
const ballast = new Float32Array(200_000)
const state = parts.trainer.state.bind(parts.trainer)
parts.trainer.state = () => new Map([...state(), ['ballast', ballast]])
console.log('ready')
void runTraining(parts).then(({ position, best }) => {
  const curve = position.curve.map(({ tau }) => tau)
  writeFileSync(result, JSON.stringify({ step: position.step, curve, best: [...(best.get('map') ?? [])] }))
})
