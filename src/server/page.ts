/**
 * The page at `/`: files that vite made of `src/page`. They are read once, when the application is made, and requests are
 * answered from that table only, so no path of a request reaches the file system.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import type { MiddlewareHandler } from 'hono'
import { packageRoot } from '../util/package.ts'
import { ApiError } from './errors.ts'

/** Where `npm run build` puts the page. */
export function builtPage(): string {
  return join(packageRoot(), 'dist', 'page')
}

/**
 * Answers requests for the page's files; all others go on. It needs no key: the files are the same everywhere, and what the
 * page then asks for is asked with one.
 */
export function servePage(folder: string): MiddlewareHandler {
  const files = readFiles(folder)
  return async function servePage(c, next) {
    const { method, path } = c.req
    const file = files.get(path === '/' ? '/index.html' : path)
    if (method !== 'GET' && method !== 'HEAD') {
      if (!file) return next()
      c.header('Allow', 'GET, HEAD')
      const message = `expected the method GET for the page, got ${method}; see /openapi.json for other paths`
      throw new ApiError(405, message, { code: 'method_not_allowed' })
    }
    if (file) return c.body(file.bytes, 200, file.headers)
    if (path !== '/') return next()
    const message = 'expected the built page, this copy has none; run "npm run build", or see /openapi.json'
    throw new ApiError(404, message, { code: 'not_found' })
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

/** By path. Empty where there is no such folder. */
function readFiles(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>()
  for (const name of namesIn(folder)) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const path = `/${name.split(sep).join('/')}`
    const bytes = new Uint8Array(readFileSync(join(folder, name)))
    files.set(path, { bytes, headers: { ...pageHeaders, 'Content-Type': type, 'Cache-Control': cachingOf(path) } })
  }
  return files
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return [] // not built: said when somebody asks for the page
  }
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Nothing from anywhere else, nothing inline, in nobody's frame. Text of a model can do no more than be read. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const pageHeaders = { 'Content-Security-Policy': policy }

/** Names under `/assets/` hold a hash of what is in them. */
function cachingOf(path: string): string {
  return path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
}
