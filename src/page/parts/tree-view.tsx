/**
 * The picture of one round. A tree that can be walked by keyboard: right to the first child, left to the parent, up and down
 * along the lines; each node says what became of it.
 */
import { linkHorizontal } from 'd3-shape'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useMemo, useRef } from 'preact/hooks'
import { layoutTree, type TreeLayout, type TreeNode } from '../data/tree-layout.ts'
import { nodeSentence, originClass, percent, roundSentence } from '../data/words.ts'
import type { Look } from '../data/store.ts'
import type { Pieces, Round } from '../types.ts'

/** The tree of a round; `node`: the one that is looked at. */
export function TreeView(props: {
  readonly round: Round
  readonly pieces: Pieces
  readonly withPruned: boolean
  readonly node: Look['node']
  readonly onNode: (node: Look['node']) => void
}): ComponentChildren {
  const { round, pieces, withPruned, onNode } = props
  const id = useId()
  // Pieces only ever grow, and a round's are there with it.
  const layout = useMemo(() => layoutTree(round, pieces, withPruned), [round, pieces, withPruned])
  const frame = useRef<HTMLDivElement>(null)
  const current = chosen(layout, props.node)
  const nodeId = (node: TreeNode | undefined): string => `${id}-${node?.id ?? 0}`
  useEffect(() => frame.current?.scrollTo(0, 0), [layout])

  const onKeyDown = (event: KeyboardEvent): void => {
    const to = current && neighbour(layout, current, event.key)
    if (to === undefined) return
    event.preventDefault()
    onNode(nameOf(to))
    document.getElementById(nodeId(to))?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  const pick = (event: Event): void => {
    const picked = (event.target as Element).closest<SVGElement>('[data-node]')?.dataset['node']
    const node = layout.nodes[Number(picked ?? -1)]
    if (node) onNode(nameOf(node))
  }
  return (
    <>
      <div
        ref={frame}
        class="tree-frame"
        role="tree"
        tabIndex={0}
        aria-label={`Tree of the round. ${roundSentence(round)}`}
        aria-activedescendant={nodeId(current)}
        onKeyDown={onKeyDown}
        onClick={pick}
      >
        <Drawn layout={layout} current={current} nodeId={nodeId} />
      </div>
      <p class="node-words">{current && nodeSentence(current, pathChance(layout, current))}</p>
    </>
  )
}

// ---------------------------------------------------------------------------------------------------------------

const rowHeight = 32
const boxHeight = 25
const gap = 30
const characterWidth = 7.3
const longestText = 16

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
}

interface Drawing {
  readonly width: number
  readonly height: number
  /** By node. */
  readonly places: readonly Place[]
  readonly branches: readonly { readonly path: string; readonly state: TreeNode['state'] }[]
}

/** The target's own token has no id that stays when pruned nodes are hidden. */
function nameOf({ id, state }: TreeNode): Look['node'] {
  return state === 'own' ? 'own' : id
}

function chosen({ nodes }: TreeLayout, node: Look['node']): TreeNode | undefined {
  const found = node === 'own' ? nodes.find(({ state }) => state === 'own') : nodes[node ?? 0]
  return found ?? nodes[0]
}

function shorten(text: string): string {
  const characters = Array.from(text)
  return characters.length <= longestText ? text : `${characters.slice(0, longestText - 1).join('')}…`
}

function widthOf(node: TreeNode): number {
  const beside = besideOf(node)
  return (Array.from(shorten(node.text)).length + beside.length) * characterWidth + (beside === '' ? 20 : 28)
}

function draw({ nodes, rows, columns }: TreeLayout): Drawing {
  const widths = new Array<number>(columns).fill(0)
  for (const node of nodes) widths[node.depth] = Math.max(widths[node.depth] ?? 0, widthOf(node))
  const lefts: number[] = []
  let left = 6
  for (const width of widths) {
    lefts.push(left)
    left += width + gap
  }
  const places = nodes.map((node) => ({
    x: lefts[node.depth] ?? 0,
    y: 6 + node.row * rowHeight,
    width: widths[node.depth] ?? 0,
  }))
  const link = linkHorizontal().digits(1)
  const branches = nodes.flatMap(({ id, parent, state }) => {
    const [from, to] = [places[parent], places[id]]
    if (!from || !to) return []
    const middle = boxHeight / 2
    const path = link({ source: [from.x + from.width, from.y + middle], target: [to.x, to.y + middle] }) ?? ''
    return [{ path, state }]
  })
  return { width: Math.ceil(left - gap + 6), height: 12 + rows * rowHeight, places, branches }
}

/** Branches, then boxes, then words: each above the others. */
function Drawn(props: {
  readonly layout: TreeLayout
  readonly current: TreeNode | undefined
  readonly nodeId: (node: TreeNode) => string
}): ComponentChildren {
  const { layout, current, nodeId } = props
  const drawing = useMemo(() => draw(layout), [layout])
  return (
    <svg width={drawing.width} height={drawing.height} role="none">
      <g aria-hidden="true">
        {drawing.branches.map(({ path, state }, index) => (
          <path key={index} class={`branch ${state}`} d={path} />
        ))}
      </g>
      {layout.nodes.map((node) => (
        <g
          key={node.id}
          id={nodeId(node)}
          class={`node ${node.state} ${originClass(node.origin)}${node === current ? ' current' : ''}`}
          role="treeitem"
          aria-level={node.depth + 1}
          aria-selected={node === current}
          aria-label={nodeSentence(node, pathChance(layout, node))}
          data-node={node.id}
        >
          <Box node={node} place={drawing.places[node.id]} />
        </g>
      ))}
      <g aria-hidden="true">
        {layout.nodes.map((node) => (
          <Label key={node.id} node={node} place={drawing.places[node.id]} />
        ))}
      </g>
    </svg>
  )
}

interface NodeProps {
  readonly node: TreeNode
  readonly place: Place | undefined
}

function Box({ node, place }: NodeProps): ComponentChildren {
  if (!place) return null
  const { x, y, width } = place
  return (
    <>
      <rect class="box" x={x} y={y} width={width} height={boxHeight} rx="5" />
      {node.chance !== undefined && (
        <rect class="confidence" x={x + 4} y={y + boxHeight - 4} width={(width - 8) * node.chance} height="2" rx="1" />
      )}
    </>
  )
}

/** Words stand apart from boxes: to a screen reader a node's name says all of it. */
function Label({ node, place }: NodeProps): ComponentChildren {
  if (!place) return null
  const { x, y, width } = place
  return (
    <g class={`label ${node.state}`}>
      <text x={x + 9} y={y + 16}>
        {shorten(node.text)}
      </text>
      <text class="beside" x={x + width - 8} y={y + 16} text-anchor="end">
        {besideOf(node)}
      </text>
    </g>
  )
}

/** What stands on the right of a node. */
function besideOf({ chance, state }: TreeNode): string {
  if (chance !== undefined) return percent(chance)
  return state === 'own' ? 'target' : ''
}

function pathChance({ nodes }: TreeLayout, node: TreeNode): number {
  let chance = 1
  for (let at: TreeNode | undefined = node; at; at = nodes[at.parent]) chance *= at.chance ?? 1
  return chance
}

function neighbour({ nodes }: TreeLayout, node: TreeNode, key: string): TreeNode | undefined {
  const inOrder = [...nodes].sort((a, b) => a.row - b.row || a.depth - b.depth)
  const lines = inOrder.filter(({ depth }) => depth === node.depth)
  const at = lines.indexOf(node)
  const moves: Readonly<Record<string, TreeNode | undefined>> = {
    ArrowRight: nodes[node.children[0] ?? -1],
    ArrowLeft: nodes[node.parent],
    ArrowDown: lines[at + 1],
    ArrowUp: lines[at - 1],
    Home: nodes[0],
  }
  return moves[key]
}
