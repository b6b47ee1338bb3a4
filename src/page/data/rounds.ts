/** Reads rounds that came from outside (a stream, a file), so that the rest of the page may trust them. */
import type { NodeLists, Piece, Round } from '../types.ts'

/** A round, or the sentence that says what is wrong with it. Fields that the page does not know are left out. */
export function readRound(value: unknown): Round | string {
  if (!isObject(value)) return 'expected a round as an object, got something else; choose a file of --trace'
  for (const name of ['round', 'context', 'drafted', 'accepted', 'draftMs', 'targetMs', 'hostMs'] as const) {
    if (!isNumber(value[name]))
      return `expected a number as "${name}", got ${spell(value[name])}; choose a file of --trace`
  }
  const { budget, tree, pruned, why, emitted, sourceNames } = value
  if (!isObject(budget) || !['depth', 'width', 'nodes'].every((name) => isNumber(budget[name])))
    return 'expected a budget with depth, width and nodes, got none; choose a file of --trace'
  if (!isIds(emitted)) return 'expected token ids as "emitted", got something else; choose a file of --trace'
  const problem = problemOfTree(tree, 0) ?? (pruned === undefined ? undefined : problemOfTree(pruned, sizeOf(tree)))
  if (problem !== undefined) return problem
  const path = (tree as Record<string, unknown>)['acceptedPath']
  if (!isIds(path) || path.some((node) => node < 1 || node >= sizeOf(tree)))
    return 'expected nodes of the tree as "acceptedPath", got others; choose a file of --trace'
  if (
    sourceNames !== undefined &&
    !(Array.isArray(sourceNames) && sourceNames.every((name) => typeof name === 'string'))
  )
    return 'expected names as "sourceNames", got something else; choose a file of --trace'
  const { request, answer, requests } = value
  if (requests !== undefined && !isNumber(requests))
    return 'expected a number as "requests", got something else; choose a file of --trace'
  if ((request !== undefined && typeof request !== 'string') || (answer !== undefined && !isNumber(answer)))
    return 'expected the name of a request and the number of an answer, got others; choose a file of --trace'
  const known = value as unknown as Round
  return { ...known, ...(why !== undefined && { why: readReasons(why) }) }
}

/** Pieces by id; what is none is left out. */
export function readPieces(value: unknown): Map<number, Piece> {
  const pieces = new Map<number, Piece>()
  if (!isObject(value)) return pieces
  for (const [id, piece] of Object.entries(value)) if (isPiece(piece)) pieces.set(Number(id), piece)
  return pieces
}

/** Whether a value is a piece. */
export function isPiece(value: unknown): value is Piece {
  return typeof value === 'string' || isIds(value)
}

/** Undefined for what is no JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Whether a value has properties. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// ---------------------------------------------------------------------------------------------------------------

/** No budget drafts so many, and no window shows them. */
const MOST_NODES = 4096

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isIds(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0)
}

function sizeOf(tree: unknown): number {
  return (tree as NodeLists).tokens.length
}

/** What is wrong with lists whose first node has the id `first`. */
function problemOfTree(tree: unknown, first: number): string | undefined {
  const advice = 'choose a file of --trace'
  if (!isObject(tree)) return `expected a tree, got none; ${advice}`
  const { tokens, parents, logProbs, sources } = tree
  if (!isIds(tokens) || !isIds(sources))
    return `expected token ids and sources in a tree, got something else; ${advice}`
  if (!Array.isArray(parents) || !Array.isArray(logProbs)) return `expected parents and estimates in a tree; ${advice}`
  const size = tokens.length
  if ([parents, logProbs, sources].some(({ length }) => length !== size) || (first === 0 && size === 0))
    return `expected lists of the same length in a tree, got others; ${advice}`
  if (size > MOST_NODES) return `expected at most ${MOST_NODES} nodes in a tree, got ${size}; ${advice}`
  const misplaced = parents.some((parent: unknown, index) => {
    const lowest = first + index === 0 ? -1 : 0
    return !Number.isInteger(parent) || (parent as number) < lowest || (parent as number) >= first + index
  })
  if (misplaced) return `expected parents before their children in a tree, got others; ${advice}`
  return logProbs.every(isNumber) ? undefined : `expected numbers as estimates in a tree, got others; ${advice}`
}

function readReasons(why: unknown): Record<string, number | string> {
  const entries = isObject(why) ? Object.entries(why) : []
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number | string] => ['number', 'string'].includes(typeof entry[1])),
  )
}

function spell(value: unknown): string {
  return value === undefined ? 'nothing' : typeof value
}
