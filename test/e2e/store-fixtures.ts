/** A pip and a hub that tests control: a shell script and a local server. Nothing here reaches another machine. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import type { CatalogEntry, HubAccess, ModelSource } from '../../src/store/index.ts'

/** Bytes that no compression makes small and no position repeats. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** SHA-256 of a file; to compare, because deep equality of long buffers takes seconds. */
export async function fileHash(path: string): Promise<string> {
  return sha256(await readFile(path))
}

/** An address where nobody listens: the port of a connection that stays open, so that the system gives it to nobody else. */
export async function deadEndpoint(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.unref()
  return `http://127.0.0.1:${socket.localPort}`
}

/** A folder that lives as long as its `using` block. */
export async function scratchFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'heterospec-store-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Every file under a folder, with forward slashes. */
export async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** A catalogue entry for some content. */
export function entryFor(content: Uint8Array, sources: readonly ModelSource[], name = 'tiny'): CatalogEntry {
  const about = 'a test'
  return {
    ...{ name, aliases: [`${name}-alias`], file: `${name}.gguf`, licence: 'MIT', about },
    ...{ bytes: content.length, sha256: sha256(content), sources },
  }
}

/** A zip archive, members in order, stored or deflated. Without checksums: the store checks SHA-256 instead. */
export function zipOf(members: Readonly<Record<string, Uint8Array>>, compressed: boolean): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(members)) {
    const packed = compressed ? deflateRawSync(content) : content
    // Version, flags, method, time, date, checksum, sizes, lengths of name and extra field.
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(compressed ? 8 : 0, 4)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name)]))
    locals.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, central, Buffer.from('PK\x05\x06'), end])
}

export interface FakePip {
  /** For `StoreOptions.pipCommands`. */
  readonly command: readonly string[]
  /** Requirements that were downloaded, in order. */
  downloads(): Promise<string[]>
  putWheel(name: string, bytes: Uint8Array): Promise<void>
  removeWheel(name: string): Promise<void>
}

/** A program `pip` in `folder/bin`: `download` copies a prepared wheel. `before` is shell text that runs first. */
export async function fakePip(folder: string, before = ''): Promise<FakePip> {
  const [bin, wheels, log] = [join(folder, 'bin'), join(folder, 'wheels'), join(folder, 'pip.log')]
  await mkdir(bin, { recursive: true })
  await mkdir(wheels, { recursive: true })
  const script = `#!/bin/sh
case "$*" in *--version*) echo "pip 1.0"; exit 0;; esac
for last; do :; done
while [ "$1" != "--dest" ]; do shift; done
dest=$2
echo "$last" >> "${log}"
${before}
name=\${last%%==*}
if [ -f "${wheels}/$name.whl" ]; then cp "${wheels}/$name.whl" "$dest/$name-1.0-py3-none-any.whl"
else echo "ERROR: No matching distribution found for $last" >&2; exit 1; fi
`
  await writeFile(join(bin, 'pip'), script)
  await chmod(join(bin, 'pip'), 0o755)
  return {
    command: [join(bin, 'pip')],
    downloads: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    putWheel: (name, bytes) => writeFile(join(wheels, `${name}.whl`), bytes),
    removeWheel: (name) => rm(join(wheels, `${name}.whl`)),
  }
}

/** Limits that a machine under load does not come near; tests of the limits have their own. */
export const patient = { connectMs: 100_000, stallMs: 100_000, retryMs: 1 }

/** Handles a request in an unusual way; `false` leaves it to the server. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

export interface FakeHub extends AsyncDisposable {
  readonly access: Partial<HubAccess>
  /** `GET /path range` of every request. */
  readonly requests: string[]
  /** Taken from the front, one for each request. */
  readonly faults: Fault[]
}

/** A hub with one repository `user/repo`. */
export async function fakeHub(files: Readonly<Record<string, Buffer>>, wrongHash = false): Promise<FakeHub> {
  const requests: string[] = []
  const faults: Fault[] = []
  const tree = Object.entries(files).map(([path, content]) => {
    return { type: 'file', path, size: content.length, lfs: { oid: sha256(wrongHash ? Buffer.from('x') : content) } }
  })
  const server = createServer((request, response) => {
    const { range } = request.headers
    requests.push([request.method, request.url, range].filter((word) => word !== undefined).join(' '))
    if (faults.shift()?.(request, response)) return
    const path = decodeURIComponent(request.url ?? '')
    if (path === '/api/models/user/repo/tree/main?recursive=1') return void response.end(JSON.stringify(tree))
    const content = files[path.replace('/user/repo/resolve/main/', '')]
    if (content) sendFile(content, range, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    access: { endpoint, token: undefined, ...patient },
    requests,
    faults,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Sends `count` bytes of an answer that promises all, and cuts the connection when they are in `part`: before, they may get lost. */
export function cutAfter(content: Buffer, count: number, part: string): Fault {
  return (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const headers = { 'content-length': content.length - start, 'content-range': `bytes ${start}-/${content.length}` }
    response.writeHead(request.headers.range ? 206 : 200, headers)
    response.write(content.subarray(start, start + count))
    void untilLong(part, start + count).then(() => response.destroy())
    return true
  }
}

/** Size of a file; 0 where there is none. */
export function fileSize(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

/** Answers with a status and nothing else. */
export function answer(status: number): Fault {
  return (_request, response) => {
    response.writeHead(status).end()
    return true
  }
}

// ------------------------------------------------------------------------------------------------------------------

async function untilLong(path: string, bytes: number): Promise<void> {
  while ((await fileSize(path)) < bytes) await new Promise((resolve) => setTimeout(resolve, 5))
}

function sendFile(content: Buffer, range: string | undefined, response: ServerResponse): void {
  const start = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? NaN)
  if (Number.isNaN(start)) response.end(content)
  else {
    response.writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` })
    response.end(content.subarray(start))
  }
}
