/** Run by a test: starts llama-server as a side, says the ids of the processes, and waits to be killed. */
import { LlamaServer } from '../../src/bench/sides/llama-server.ts'
import { characterTokenizer } from './servers.ts'

const [binary = ''] = process.argv.slice(2)
const options = { name: 'llama-server', binary, modelPath: 'm.gguf', threads: 1, context: 64, flags: [] }
const server = await LlamaServer.start({ ...options, tokenizer: characterTokenizer })
console.log(server.pid)
setInterval(() => undefined, 1000)
