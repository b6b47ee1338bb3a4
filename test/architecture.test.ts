/**
 * The walls between the layers, as tests: who may import whom, which outside package lives where, who may touch the
 * process, and how long a file may be. The table below is the rule; `docs/architecture.md` explains it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** What each folder of `src` may import besides `util`; `types:x` stands for types of `x` only. */
const arrows: Record<string, readonly string[]> = {
  util: [],
  gguf: [],
  tree: [],
  store: [],
  plot: [],
  ffi: [],
  text: ['gguf', 'ffi', 'types:tree'],
  sample: ['types:tree'],
  grammar: ['tree', 'types:text', 'types:sample'],
  tensor: ['ffi'],
  policy: ['tree'],
  verify: ['tree', 'sample'],
  cache: ['tensor'],
  model: ['tree', 'tensor', 'cache', 'gguf', 'types:ffi'],
  draft: ['tree', 'policy', 'sample', 'text', 'tensor', 'cache', 'model'],
  engine: ['grammar', 'draft', 'model', 'cache', 'policy', 'verify', 'sample', 'tree', 'text', 'gguf'],
  train: ['model', 'cache', 'tensor', 'gguf', 'text', 'sample', 'tree', 'plot'],
  bench: ['engine', 'plot', 'model', 'policy', 'draft', 'tree', 'text', 'gguf', 'ffi'],
  server: ['engine', 'types:text', 'sample'],
  // Runs in a browser: it knows the rest of the program by HTTP only.
  page: [],
  cli: ['*'],
  // The package's front door (`src/index.ts`).
  '.': ['*'],
}

/** Outside packages and the only places (path prefixes below `src`) that may import them. */
const walls: Record<string, readonly string[]> = {
  koffi: ['ffi/'],
  '@huggingface/jinja': ['text/template.ts'],
  '@mlc-ai/web-xgrammar': ['grammar/'],
  zod: ['sample/', 'policy/', 'draft/', 'engine/', 'train/', 'bench/', 'cli/'],
  hono: ['server/'],
  '@hono/zod-openapi': ['server/'],
  '@hono/node-server': ['server/listen.ts'],
  pino: ['server/log.ts'],
  'prom-client': ['server/metrics/makers.ts'],
  'eventsource-parser': ['bench/sides/', 'page/'],
  'd3-scale': ['plot/', 'page/'],
  'd3-shape': ['plot/', 'page/'],
  preact: ['page/'],
  '@preact/signals': ['page/'],
  vite: ['page/vite.config.ts'],
  commander: ['cli/'],
  '@commander-js/extra-typings': ['cli/'],
  'cli-progress': ['cli/'],
}

/** Who may use the global `process`. Elsewhere surroundings arrive as arguments, so that code can be tested and embedded. */
const processUsers = ['cli/', 'util/env.ts', 'ffi/probe.ts', 'ffi/library.ts']

const fileLimit = 300
const functionLimit = 60
const exampleLimit = 30
/** Tables that are longer than a file should be, and why. */
const longTables: Record<string, string> = { 'ffi/abi.ts': 'one table of all C prototypes' }

// ---------------------------------------------------------------------------------------------------------------

const root = dirname(dirname(fileURLToPath(import.meta.url)))

interface Import {
  readonly line: number
  readonly specifier: string
  readonly typeOnly: boolean
}

interface Source {
  /** Path below `src`, with forward slashes. */
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

function readSource(path: string): Source {
  const text = readFileSync(join(root, 'src', path), 'utf8')
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return {
    path,
    folder: path.includes('/') ? path.slice(0, path.indexOf('/')) : '.',
    text,
    tree,
    imports: importsOf(tree),
  }
}

function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier && ts.isStringLiteralLike(specifier))
      found.push({ line: lineOf(tree, node), specifier: specifier.text, typeOnly })
  }
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false)
  })
  return found
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const named = clause.namedBindings
  return !clause.name && !!named && ts.isNamedImports(named) && named.elements.every((element) => element.isTypeOnly)
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  node.forEachChild((child) => walk(child, visit))
}

function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
}

function within(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
}

/** Where a relative import leads, as a path below `src`. */
function targetOf(source: Source, specifier: string): string {
  return relative(join(root, 'src'), join(root, 'src', dirname(source.path), specifier))
    .split(sep)
    .join('/')
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.split(sep).join('/'))
  .filter((path) => /\.tsx?$/.test(path) && !/\.(test|fixture)\.ts$/.test(path))
  .map(readSource)

/** Every file but what is fetched or made: as git knows them, so that nothing counts which a machine or a test left here. */
function repositoryFiles(): string[] {
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const paths = execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 26 })
      .toString()
      .split('\0')
    const found = paths.filter((path) => path !== '' && statSync(join(root, path), { throwIfNoEntry: false })?.isFile())
    if (found.length > 0) return found
  } catch {
    // No git here, or no clone.
  }
  return filesBelow('')
}

/** Paths with forward slashes. */
function filesBelow(folder: string): string[] {
  const made = ['node_modules', 'dist', 'coverage', '.git']
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return made.includes(entry.name) ? [] : filesBelow(path)
    return [path]
  })
}

describe('layers', () => {
  it('every folder of src has its row in the table', () => {
    expect([...new Set(sources.map((source) => source.folder))].filter((folder) => !(folder in arrows))).toEqual([])
  })

  it('a folder imports only what the table allows, and only through index.ts or types.ts', () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .flatMap(({ line, specifier, typeOnly }) => {
          const reason = whyForbidden(source, targetOf(source, specifier), typeOnly)
          return reason === undefined ? [] : [`${source.path}:${line} imports ${specifier}: ${reason}`]
        }),
    )
    expect(broken).toEqual([])
  })

  it('relative imports carry their real extension', () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter(
          ({ specifier }) => specifier.startsWith('.') && !existsSync(join(root, 'src', targetOf(source, specifier))),
        )
        .map(({ line, specifier }) => `${source.path}:${line} ${specifier}`),
    )
    expect(broken).toEqual([])
  })

  it('outside packages stay behind their walls', () => {
    const broken = sources.flatMap((source) =>
      source.imports
        .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .filter(({ specifier }) => !within(source.path, walls[packageOf(specifier)] ?? []))
        .map(({ line, specifier }) => `${source.path}:${line} imports ${specifier}`),
    )
    expect(broken).toEqual([])
  })

  it('only the command line and the reader of the environment touch the process', () => {
    const broken = sources
      .filter((source) => !within(source.path, processUsers))
      .flatMap((source) => globalUses(source.tree, 'process').map((line) => `${source.path}:${line}`))
    expect(broken).toEqual([])
  })
})

function whyForbidden(source: Source, target: string, typeOnly: boolean): string | undefined {
  const folder = target.includes('/') ? target.slice(0, target.indexOf('/')) : '.'
  if (target.startsWith('..')) return 'outside of src'
  if (folder === source.folder || folder === 'util') return undefined
  if (!/^([^/]+\/(index|types)|index)\.ts$/.test(target)) return 'only index.ts and types.ts are doors'
  const allowed = arrows[source.folder] ?? []
  if (allowed.includes('*') || allowed.includes(folder)) return undefined
  if (!allowed.includes(`types:${folder}`)) return `${source.folder} may not know ${folder}`
  return typeOnly ? undefined : `${source.folder} may import only types of ${folder}`
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : (parts[0] ?? specifier)
}

/** Lines that use a global by name, property names and types aside. */
function globalUses(tree: ts.SourceFile, name: string): number[] {
  const lines: number[] = []
  walk(tree, (node) => {
    if (!ts.isIdentifier(node) || node.text !== name) return
    const { parent } = node
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return
    if ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node) return
    lines.push(lineOf(tree, node))
  })
  return lines
}

describe('shape', () => {
  it(`no file of src is longer than ${fileLimit} lines`, () => {
    const long = sources.filter(({ path, text }) => lineCount(text) > fileLimit && !(path in longTables))
    expect(long.map(({ path, text }) => `${path}: ${lineCount(text)}`)).toEqual([])
  })

  it(`no function of src is longer than ${functionLimit} lines`, () => {
    const long: string[] = []
    for (const { path, tree } of sources) {
      walk(tree, (node) => {
        if (!ts.isFunctionLike(node)) return
        const lines = node.getText(tree).split('\n').length
        if (lines > functionLimit) long.push(`${path}:${lineOf(tree, node)} ${lines} lines`)
      })
    }
    expect(long).toEqual([])
  })

  it('every file of src says in its head what it is for', () => {
    const silent = sources.filter(({ path, text }) => !path.endsWith('index.ts') && !/^(#!.*\n)?\/\*\*/.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it('no module holds a variable that changes', () => {
    const broken = sources.flatMap(({ path, tree }) =>
      tree.statements
        .filter((node) => ts.isVariableStatement(node) && !(node.declarationList.flags & ts.NodeFlags.Const))
        .map((node) => `${path}:${lineOf(tree, node)}`),
    )
    expect(broken).toEqual([])
  })

  it(`no example is longer than ${exampleLimit} lines`, () => {
    const examples = readdirSync(join(root, 'examples')).map((name) => join('examples', name))
    expect(examples.length).toBeGreaterThan(0)
    expect(examples.filter((path) => lineCount(readFileSync(join(root, path), 'utf8')) > exampleLimit)).toEqual([])
  })
})

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

describe('repository', () => {
  it('depends on nothing that a fresh clone does not have', () => {
    const forbidden = [
      /\.\.\/shared\b/,
      /\/work\/(main|shared)\b/,
      /registry\.npmjs/,
      /\bpypi\.org/,
      /\/home\/\w/,
      /\/tmp\/\w/,
    ]
    const broken = repositoryFiles()
      .filter((path) => /\.(ts|js|json|md|ya?ml|npmrc|sh)$|^\.ci\//.test(path))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), 'utf8')
        return forbidden.filter((pattern) => pattern.test(text)).map((pattern) => `${path}: ${pattern.source}`)
      })
    expect(broken).toEqual([])
  })

  it('every link between pages leads somewhere', () => {
    const broken = repositoryFiles()
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => {
        const links = readFileSync(join(root, path), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)
        return [...links]
          .filter(([, link]) => !existsSync(join(root, dirname(path), link ?? '')))
          .map(([, link]) => `${path}: ${link}`)
      })
    expect(broken).toEqual([])
  })

  it('every subpath of the package leads to the door of a folder', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { types: string; default: string }>
    }
    const doors = Object.entries(manifest.exports).filter(([subpath]) => subpath !== './package.json')
    for (const [subpath, target] of doors) {
      if (typeof target === 'string') throw new Error(`expected types and default for ${subpath}, got ${target}`)
      const door = target.default.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')
      expect(existsSync(join(root, door)), `${subpath} -> ${door}`).toBe(true)
      expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'))
    }
  })
})
