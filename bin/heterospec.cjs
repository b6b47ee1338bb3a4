#!/usr/bin/env node
'use strict'
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const entry = join(__dirname, '../dist/bin/start.js')
if (!existsSync(entry)) {
  console.error('heterospec: expected compiled files in dist/, found none; run "npm run build" first.')
  process.exit(1)
}
void import(pathToFileURL(entry).href)
