import { describe, expect, it } from 'vitest'
import type { Budget, LevelReport } from '../../policy/index.ts'
import { createTree, type NodeId, type TokenTree } from '../../tree/index.ts'
import { fakeRecording } from '../../../test/fixtures/recording.ts'
import { curveMachine } from './machine.ts'
import { recordedWorld } from './recorded-world.ts'
import { Witness } from './witness.ts'

const budget: Budget = { depth: 8, width: 3, nodes: 40 }

interface Shown {
  readonly depth: number
  readonly paths: string[]
  readonly logProbs: number[]
  readonly sources: number[]
  readonly frontier: string[]
  readonly told: number[][]
}

function show(level: LevelReport): Shown {
  const { tree, depth, frontier } = level
  const path = (node: NodeId): string =>
    tree
      .path(node)
      .map((at) => tree.tokens[at])
      .join(' ')
  const order = Array.from({ length: tree.size }, (_, node) => node).sort((a, b) => path(a).localeCompare(path(b)))
  return {
    depth,
    paths: order.map(path),
    logProbs: order.map((node) => Number(tree.logProbs[node]!.toFixed(4))),
    sources: order.map((node) => tree.sources[node]!),
    frontier: frontier.map(path),
    told: order.map((node) => Array.from(level.topProbs(node), (value) => Number(value.toFixed(3)))),
  }
}

/** A merged tree over two levels: a copied run, then a head that agrees, contradicts and is sure of something else. */
function mergedLevels(tree: TokenTree): (() => LevelReport)[] {
  const told = new Map<NodeId, Float32Array>()
  const topProbs = (node: NodeId): Float32Array => told.get(node) ?? new Float32Array(0)
  return [
    () => {
      const first = tree.add(0, 1, -0.2, 0)
      tree.add(tree.add(first, 2, -0.3, 0), 3, -0.3, 0)
      tree.add(0, 9, -2, 1)
      return { tree, depth: 0, frontier: [0], topProbs }
    },
    () => {
      tree.restate(1, -0.1, 2)
      tree.restate(4, -4, 1)
      const added = tree.add(0, 5, -3, 2)
      told.set(0, Float32Array.of(0.7, 0.2, 0.1))
      return { tree, depth: 1, frontier: [1, added], topProbs }
    },
    () => {
      tree.restate(2, -0.6, 0)
      tree.add(1, 8, -1, 2)
      tree.add(5, 8, -0.5, 2)
      told.set(1, Float32Array.of(0.4, 0.3))
      told.set(5, Float32Array.of(Math.exp(-0.5)))
      return { tree, depth: 2, frontier: [2, 6], topProbs }
    },
  ]
}

describe('the recording of a merged tree', () => {
  it('shows a policy later what it would have seen then: every level, what was believed when, probabilities', () => {
    const tree = createTree(100)
    const witness = new Witness()
    const seen = mergedLevels(tree).map((grow) => {
      const level = grow()
      witness.revise(level, budget)
      return show(level)
    })
    const recording = fakeRecording({ tokens: 1 })
    const place = { ...recording.answers[0]!.places[0]!, tree: witness.tree, levels: witness.levels }
    const answer = { ...recording.answers[0]!, places: [place] }
    const machine = curveMachine('flat', { rowMs: 10, batch: 1, drafter: 'combined', prices: recording.prices })
    const replayed: Shown[] = []
    recordedWorld(answer, machine, 1).draft(0, budget, (level, given) => {
      replayed.push(show(level))
      return given
    })
    expect(replayed.slice(0, 3)).toEqual(seen)
    // The last word is about the finished tree.
    expect(replayed.at(-1)).toEqual({ ...seen.at(-1), frontier: [] })

    // No level bought: the copied run alone, as deep as it goes.
    const stopped = recordedWorld(answer, machine, 1).draft(0, budget, (_level, given) => ({ ...given, depth: 0 }))
    expect([...stopped.tree.tokens]).toEqual([100, 1, 2, 3, 9])
  })
})
