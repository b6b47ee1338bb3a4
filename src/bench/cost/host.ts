/** What surrounds a pass, from two measured points. */
import type { HostCost } from './types.ts'

/** Milliseconds of work around a round that verifies `nodes` nodes, what happens between rounds included. */
export function hostMs({ plainMs, treeMs, treeNodes, betweenMs }: HostCost, nodes: number): number {
  return betweenMs + plainMs + ((treeMs - plainMs) * nodes) / treeNodes
}
