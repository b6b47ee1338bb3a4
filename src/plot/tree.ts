/** The picture of a draft tree, from left to right as text is read: what was guessed, what was accepted, what came instead. */
import { linkHorizontal } from 'd3-shape'
import { picture, textAt } from './axes.ts'
import { markup, type Markup } from './markup.ts'
import type { Frame } from './types.ts'
import { columnsOf, shorten, visibleText } from './words.ts'

export interface TreeChart extends Frame {
  /** Parents before children; the root is node 0 and has -1. */
  readonly parents: readonly number[]
  /** Of each node, as it is; it is made visible here. */
  readonly texts: readonly string[]
  /** The drafter's probability of each node after its parent; undefined where there is none to show. */
  readonly chances: readonly (number | undefined)[]
  /** Accepted nodes, from the top down. */
  readonly accepted: readonly number[]
  /** The token that the target added after them. */
  readonly own?: string | undefined
}

/** Boxes and branches. Rejected nodes are grey with broken branches, accepted ones framed; the target's own token has a broken frame. */
export function treeChart(chart: TreeChart): Markup {
  const nodes = collect(chart)
  place(nodes)
  const columns = columnPlaces(nodes)
  const boxOf = (node: TreeNode): Place => ({
    x: columns[node.depth]?.left ?? 0,
    y: 8 + node.row * rowHeight,
    width: columns[node.depth]?.width ?? 0,
  })
  const branches = nodes.flatMap((node) => {
    const parent = nodes[node.parent]
    return parent ? [drawBranch(boxOf(parent), boxOf(node), node.state)] : []
  })
  const last = columns.at(-1)
  const width = Math.max(chart.width ?? 0, last ? last.left + last.width + 8 : 0)
  const rows = Math.max(0, ...nodes.map((node) => node.row)) + 1
  const body = markup`${branches}${nodes.map((node) => drawNode(node, boxOf(node)))}`
  return picture(chart, Math.ceil(width), Math.ceil(8 + rows * rowHeight + 4), body)
}

// ------------------------------------------------------------------------------------------------------------------

const rowHeight = 34
const boxHeight = 24
const columnWidth = 7.3
const longestText = 18
const gap = 34

type State = 'root' | 'accepted' | 'rejected' | 'own'

interface TreeNode {
  readonly text: string
  readonly full: string
  readonly chance: string | undefined
  readonly parent: number
  readonly depth: number
  readonly state: State
  /** Lines from the top; set by `place`. */
  row: number
}

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
}

function collect(chart: TreeChart): TreeNode[] {
  const accepted = new Set(chart.accepted)
  const nodes: TreeNode[] = []
  const add = (text: string, parent: number, state: State, chance: number | undefined): void => {
    const full = visibleText(text)
    nodes.push({
      text: shorten(full, longestText),
      full,
      chance: chance === undefined || state === 'root' ? undefined : percent(chance),
      parent,
      depth: parent < 0 ? 0 : (nodes[parent]?.depth ?? 0) + 1,
      state,
      row: 0,
    })
  }
  chart.parents.forEach((parent, node) => {
    const state = parent < 0 ? 'root' : accepted.has(node) ? 'accepted' : 'rejected'
    add(chart.texts[node] ?? '', parent, state, chart.chances[node])
  })
  if (chart.own !== undefined) add(chart.own, chart.accepted.at(-1) ?? 0, 'own', undefined)
  return nodes
}

/** Every leaf gets a line of its own; a parent stands on the line of its first child. What was emitted stays on the top line. */
function place(nodes: readonly TreeNode[]): void {
  const children: number[][] = nodes.map(() => [])
  nodes.forEach((node, id) => children[node.parent]?.push(id))
  const emitted = (id: number): number => (nodes[id]?.state === 'rejected' ? 1 : 0)
  for (const list of children) list.sort((a, b) => emitted(a) - emitted(b))
  let row = 0
  const pending = nodes.length > 0 ? [0] : []
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const node = nodes[id]
    const below = children[id] ?? []
    if (node) node.row = row
    if (below.length === 0) row++
    pending.push(...[...below].reverse())
  }
}

function columnPlaces(nodes: readonly TreeNode[]): { readonly left: number; readonly width: number }[] {
  const widths: number[] = []
  for (const { depth, text, chance } of nodes) {
    const columns = columnsOf(text) + (chance === undefined ? 0 : chance.length + 1)
    widths[depth] = Math.max(widths[depth] ?? 0, columns * columnWidth + 18)
  }
  let left = 8
  return widths.map((width) => {
    const column = { left, width }
    left += width + gap
    return column
  })
}

function drawBranch(from: Place, to: Place, state: State): Markup {
  const path = linkHorizontal().digits(1)({
    source: [from.x + from.width, from.y + boxHeight / 2],
    target: [to.x, to.y + boxHeight / 2],
  })
  return markup`<path class="branch${state !== 'rejected' && ' accepted'}" d="${path ?? ''}"/>`
}

function drawNode(node: TreeNode, { x, y, width }: Place): Markup {
  const hover = node.state === 'own' ? `${node.full}, the target's own` : `${node.full}, ${node.state}`
  return markup`<g class="node ${node.state}">${[
    markup`<rect x="${x}" y="${y}" width="${width}" height="${boxHeight}" rx="5"/>`,
    textAt('mono', x + 9, y + 16, node.text),
    node.chance !== undefined && textAt('chance', x + width - 8, y + 16, node.chance, 'end'),
    markup`<title>${hover}</title>`,
  ]}</g>`
}

function percent(chance: number): string {
  const rounded = Math.round(100 * chance)
  return rounded === 0 && chance > 0 ? '<1 %' : `${rounded} %`
}
