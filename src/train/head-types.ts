/** How the matrices of a head are stored: one type for all, and others for some groups. */
import { quantType } from '../gguf/index.ts'
import { TYPE } from '../tensor/index.ts'
import { UsageError } from '../util/errors.ts'

/** Types for matrices; vectors are always float32. */
const typeNumbers = {
  f32: TYPE.F32,
  f16: TYPE.F16,
  q8_0: TYPE.Q8_0,
  q5_1: 7,
  q5_0: 6,
  q4_1: 3,
  q4_0: TYPE.Q4_0,
} as const

/** Names of the types. */
export const headTypes = [
  'f32',
  'f16',
  'q8_0',
  'q5_1',
  'q5_0',
  'q4_1',
  'q4_0',
] as const satisfies (keyof typeof typeNumbers)[]
type MatrixType = (typeof headTypes)[number]

/** Matrices that a type can be given to by name. */
const groups = {
  output: /^output\.weight$/,
  embedding: /^token_embd\.weight$/,
  fc: /^fc\.weight$/,
  attention: /^blk\.\d+\.attn_/,
  ffn: /^blk\.\d+\.ffn_/,
} as const

/** A type, or several like `q8_0,output=q4_0,ffn=q5_0`: the first for all matrices, the others for a group each. */
export type HeadType = MatrixType | `${MatrixType},${string}`

/** ggml's type number of a matrix by its name and the length of its rows. */
export type TypeOfMatrix = (name: string, perRow: number) => number

/** What was typed as a `HeadType`. Throws `bad-option`. */
export function readHeadType(text: string): HeadType {
  parseHeadType(text)
  return text as HeadType
}

/** A matrix whose rows are no whole blocks of its type is stored as F16. Throws `bad-option`. */
export function parseHeadType(text: string): TypeOfMatrix {
  const parts = readParts(text)
  if (!parts) {
    const groupNames = Object.keys(groups).join(', ')
    throw new UsageError(
      'bad-option',
      `expected a type of ${headTypes.join(', ')}, alone or with others for groups (${groupNames}) like q8_0,output=q4_0, got '${text}'; leave it out for q8_0`,
    )
  }
  return (name, perRow) => {
    const own = parts.groups.find(([group]) => groups[group].test(name))?.[1] ?? parts.all
    const wanted = typeNumbers[own]
    return perRow % (quantType(wanted)?.blockSize ?? 1) === 0 ? wanted : TYPE.F16
  }
}

// ---------------------------------------------------------------------------------------------------------------

type Group = keyof typeof groups

interface Parts {
  readonly all: MatrixType
  readonly groups: readonly (readonly [group: Group, type: MatrixType])[]
}

function readParts(text: string): Parts | undefined {
  const [all = '', ...rest] = text.split(',').map((part) => part.trim())
  const named = rest.map((part) => part.split('='))
  const good = named.every(([group = '', type = '', ...more]) => isGroup(group) && isType(type) && more.length === 0)
  const twice = new Set(named.map(([group]) => group)).size !== named.length
  return isType(all) && good && !twice ? { all, groups: named as unknown as Parts['groups'] } : undefined
}

function isType(text: string): text is MatrixType {
  return Object.hasOwn(typeNumbers, text)
}

function isGroup(text: string): text is Group {
  return Object.hasOwn(groups, text)
}
