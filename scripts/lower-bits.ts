/**
 * Writes a copy of a model with fewer bits per weight, made by ggml's quantiser: a strong drafter of the model itself, for
 * studies. `npx tsx scripts/lower-bits.ts --out copy.gguf --type q2_K --otherwise q4_0`
 */
import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { requantise } from '../bench/requantise.ts'
import { loadGguf } from '../src/gguf/index.ts'
import { resolveModel } from '../src/store/index.ts'
import { UsageError } from '../src/util/errors.ts'
import { weightTypes, type WeightType } from './tiny/encoding.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m' },
    out: { type: 'string' },
    type: { type: 'string', default: 'q4_0' },
    /** For matrices whose rows are no whole blocks of the type. */
    otherwise: { type: 'string', default: 'q4_0' },
  },
})
if (values.out === undefined) throw new UsageError('bad-option', 'expected a file to write, got none; add --out FILE')
const { path } = await resolveModel(values.model)
const typed = await requantise(loadGguf(path), values.out, typeNamed(values.type), typeNamed(values.otherwise))
const [before, after] = [statSync(path).size, statSync(values.out).size]
console.log(
  `${values.out}: ${typed.length} matrices as ${values.type}, ${(after / before).toFixed(2)} of the bytes of ${path}`,
)

function typeNamed(name: string): WeightType {
  if (Object.hasOwn(weightTypes, name)) return name as WeightType
  const known = Object.keys(weightTypes).join(', ')
  throw new UsageError('bad-option', `expected a weight type, got "${name}"; choose of ${known}`)
}
