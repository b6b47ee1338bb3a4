#!/usr/bin/env node
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

// Passes run on libuv's threads. With four, each pass starts on another one and fights for a core with ggml's own threads:
// a tenth to a fifth of the speed on two cores. One would be best for passes, but loading needs a second. The size is
// read when the first of them starts, and modules are read by them, so this file must be CommonJS and say it first.
process.env.UV_THREADPOOL_SIZE ??= '2'

const entry = join(__dirname, '../dist/bin/start.js')
if (!existsSync(entry)) {
  console.error('heterospec: expected compiled files in dist/, found none; run "npm run build" first.')
  process.exit(1)
}
void import(pathToFileURL(entry).href)
