#!/usr/bin/env node
import { existsSync } from 'node:fs'

const entry = new URL('../dist/bin/start.js', import.meta.url)
if (!existsSync(entry)) {
  console.error('heterospec: expected compiled files in dist/, found none; run "npm run build" first.')
  process.exit(1)
}
await import(entry.href)
