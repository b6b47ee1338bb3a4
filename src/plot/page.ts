/** The frame of every page that heterospec writes: one file, no network, light and dark. */
import { markup, trusted, type Markup } from './markup.ts'
import { plotStyles } from './theme.ts'

export interface PageParts {
  readonly title: string
  /** CSS beside that of the charts. */
  readonly styles: string
  /** Inside `body`. */
  readonly body: Markup
  /** Program and version, for `meta name="generator"`. */
  readonly generator?: string | undefined
  /** A script inside the page; without one the page's policy forbids any. */
  readonly script?: string | undefined
}

/** A whole HTML document. */
export function htmlPage({ title, styles, body, generator, script }: PageParts): string {
  const scripts = script === undefined ? '' : " script-src 'unsafe-inline';"
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(`default-src 'none'; style-src 'unsafe-inline';${scripts} img-src data:`)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${generator !== undefined && markup`<meta name="generator" content="${generator}">`}
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(`${plotStyles()}\n${styles}`)}</style>
</head>
<body>
${body}
${script !== undefined && markup`<script>${trusted(script)}</script>`}
</body>
</html>
`
  return page.text
}
