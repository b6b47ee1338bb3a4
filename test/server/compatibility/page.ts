/** The page of compatibility as data: the tests ask a server for what its tables say, so that no row stays untested. */
import { readFile } from 'node:fs/promises'

/** A row: its cells by the names of their columns. */
export type Row = Readonly<Record<string, string>>

/** A table of the page, and the heading above it, as `Supported fields / Chats`. */
export interface Table {
  readonly section: string
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

/** Fields of the others that the page calls unknown. */
export async function readUnknownFields(): Promise<string[]> {
  return codesOf(/Further fields of the others are unknown here[^]*?\n\n/.exec(await readPage())?.[0])
}

/** All tables of the page. */
export async function readTables(): Promise<Table[]> {
  const page = await readPage()
  const tables: { section: string; columns: string[]; rows: Row[] }[] = []
  const headings: string[] = []
  let inside = false
  for (const line of page.split('\n')) {
    const heading = /^(#+) (.*)$/.exec(line)
    if (heading) headings.splice((heading[1]?.length ?? 1) - 1, Infinity, heading[2] ?? '')
    const cells = cellsOf(line)
    if (!cells) inside = false
    else if (!inside) {
      tables.push({ section: headings.slice(1).join(' / '), columns: cells, rows: [] })
      inside = true
    } else if (!cells.every((cell) => /^-+$/.test(cell))) {
      const table = tables.at(-1)
      table?.rows.push(Object.fromEntries(table.columns.map((column, index) => [column, cells[index] ?? ''])))
    }
  }
  return tables
}

/** The rows of the table below a heading; of two tables the one that has `column`. */
export function rowsOf(tables: readonly Table[], section: string, column: string): readonly Row[] {
  const table = tables.find((one) => one.section === section && one.columns.includes(column))
  if (!table) throw new Error(`expected a table with ${column} at ${section}, got none; see the page`)
  return table.rows
}

/** What a cell has in backticks. */
export function codesOf(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}

/** The one thing that a cell has in backticks. */
export function codeOf(cell: string | undefined): string {
  const [code, ...others] = codesOf(cell)
  if (code === undefined || others.length > 0)
    throw new Error(`expected one name in backticks, got ${cell}; see the page`)
  return code
}

// ---------------------------------------------------------------------------------------------------------------

function readPage(): Promise<string> {
  return readFile(new URL('../../../docs/server-compatibility.md', import.meta.url), 'utf8')
}

function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith('|')) return undefined
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}
