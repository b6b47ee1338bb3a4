/**
 * Writes `docs/options.md` from the option schemas, so that the page cannot lie. A test compares the committed file
 * with what this makes.
 *
 *     npx tsx scripts/gen-docs.ts
 */
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { format } from 'prettier'
import { show, type Flag, type FlagGroup } from '../src/cli/flags.ts'
import { calibrationFlags, engineFlags, requestFlags, samplingFlags, usageOf } from '../src/cli/options.ts'
import { speculationFlags } from '../src/cli/speculation.ts'
import { drafters } from '../src/draft/index.ts'
import { policies } from '../src/policy/index.ts'

/** Where the page lies. */
export const pageUrl = new URL('../docs/options.md', import.meta.url)

/** The page as Markdown, formatted as the repository's check wants it. */
export async function optionsPage(): Promise<string> {
  const about = await summaries()
  const sections = [engineFlags, requestFlags, samplingFlags, ...speculationFlags, calibrationFlags].map((group) =>
    section(group, about),
  )
  const settings = JSON.parse(await readFile(new URL('../.prettierrc', import.meta.url), 'utf8')) as object
  return format([introduction, methodList(about), ...sections].join('\n\n'), { ...settings, parser: 'markdown' })
}

// ---------------------------------------------------------------------------------------------------------------

const introduction = `# Options

<!-- Made by scripts/gen-docs.ts from the schemas in src/. Do not edit: change the schema, run "npm run docs". -->

The flags of \`heterospec run\` and \`heterospec chat\` that set something in the engine. In the library they are the
properties in the last column: of \`load\` (Model), of a request (Answer, Sampling), and of
\`speculative: { drafter: { method, ... }, budget: { policy, ... } }\`. Flags of a method or budget that was not chosen
are refused. Under \`combined\`, and so under \`auto\`, the flags of its sources apply to them.

Flags without a property in the library (\`--model\`, \`--stop\`, \`--system\`, \`--json\`, ...) are described in
[cli.md](cli.md).`

interface About {
  readonly summary: string
  readonly paper: { readonly title: string; readonly arxiv: string; readonly parts: string } | undefined
}

/** Methods and budgets by the titles of their flag groups. */
async function summaries(): Promise<ReadonlyMap<string, About>> {
  const loaded = Object.entries(drafters).map(
    async ([name, load]) => [`Drafting method ${name}`, await load()] as const,
  )
  return new Map<string, About>([
    ...(await Promise.all(loaded)),
    ...Object.entries(policies).map(([name, policy]) => [`Budget ${name}`, policy] as const),
  ])
}

function methodList(about: ReadonlyMap<string, About>): string {
  const rows = [...about].map(([title, { summary, paper }]) => {
    const words = title.split(' ')
    const source = paper
      ? `${paper.title} ([arXiv ${paper.arxiv}](https://arxiv.org/abs/${paper.arxiv}); ${paper.parts})`
      : ''
    return `| ${words.slice(0, -1).join(' ')} | \`${words.at(-1) ?? ''}\` | ${cell(summary)} | ${cell(source)} |`
  })
  return [
    '## Methods and budgets',
    '',
    '| Kind | Name | What it does | Paper |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function section({ title, flags }: FlagGroup, about: ReadonlyMap<string, About>): string {
  const summary = about.get(title)?.summary
  const rows = flags.map(
    (flag) =>
      `| \`${usageOf(flag)}\` | ${cell(flag.expected)} | ${fallback(flag)} | ${cell(flag.meaning)} | \`${flag.property}\` |`,
  )
  const head = ['| Flag | Value | Default | Meaning | Property |', '| --- | --- | --- | --- | --- |']
  return [`## ${title}`, '', ...(summary === undefined ? [] : [cell(summary), '']), ...head, ...rows].join('\n')
}

function fallback({ defaultValue }: Flag): string {
  return defaultValue === undefined ? '' : `\`${show(defaultValue)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(pageUrl, await optionsPage())
}
