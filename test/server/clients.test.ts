/**
 * Three families of clients against a real port, each through its own ways: OpenAI's package, the AI SDK, LangChain. One
 * model is random, so that what parses does so because the server sees to it; the other one is the default model.
 */
import {
  createOpenAICompatible,
  type MetadataExtractor,
  type OpenAICompatibleProvider,
} from '@ai-sdk/openai-compatible'
import { AIMessage, HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool as langChainTool } from '@langchain/core/tools'
import { ChatOpenAI, type ChatOpenAIFields } from '@langchain/openai'
import { APICallError, embedMany, generateText, Output, stepCountIs, streamText, tool as aiTool } from 'ai'
import OpenAI from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import * as z from 'zod'
import { listen, type Listening, type ServerApp } from '../../src/server/index.ts'
import { closeTiny, openModel, serverOf, spelled, untilIdle, type OpenedEngine } from './open.ts'

const prompt = 'red blue red blue red'
const paint = z.object({ colour: z.enum(['red', 'blue']), coats: z.int().min(1).max(9) })
const description = 'Paints.'

interface LogProb {
  readonly bytes: readonly number[]
  readonly top_logprobs: readonly object[]
}

/** The SDK has no field for log-probabilities, but hands bodies and chunks to whoever wants them. */
const metadataExtractor: MetadataExtractor = {
  extractMetadata: ({ parsedBody }) => Promise.resolve({ served: { logprobs: logProbsOf(parsedBody) as never } }),
  createStreamExtractor: () => {
    const all: LogProb[] = []
    return {
      processChunk: (chunk) => void all.push(...logProbsOf(chunk)),
      buildMetadata: () => ({ served: { logprobs: all as never } }),
    }
  },
}

function logProbsOf(body: unknown): readonly LogProb[] {
  const { choices } = body as { choices: { logprobs?: { content: LogProb[] } | null }[] }
  return choices.flatMap(({ logprobs }) => logprobs?.content ?? [])
}

describe.each(['random', 'default'])('with the %s model,', (name) => {
  let engine: OpenedEngine
  let server: ServerApp
  let listening: Listening
  /** What plain decoding says in 16 tokens. */
  let plain: string
  let plainBytes: readonly number[]
  beforeAll(async () => {
    engine = await openModel(name === 'random' ? inject('tinyModelPath') : inject('modelPath'), {
      context: 2048,
      sequences: 2,
    })
    server = serverOf(engine, {
      modelNames: ['served'],
      apiKeys: ['key'],
      sampling: { temperature: 0 },
      maxTokens: 100,
      pooling: 'mean',
    })
    listening = await listen(server, { host: '127.0.0.1', port: 0 })
    const asked = { prompt: [{ role: 'user', content: prompt } as const], maxTokens: 16, speculative: 'off' as const }
    const { text, tokens } = await engine.complete({ ...asked, ignoreEos: true })
    plain = text
    plainBytes = spelled(engine, tokens)
  })
  afterAll(async () => {
    await listening.close(1000)
    await closeTiny(engine)
  })

  describe("OpenAI's package", () => {
    let client: OpenAI
    const chat = { model: 'served', messages: [{ role: 'user' as const, content: prompt }] }
    beforeAll(() => {
      client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'key', maxRetries: 0 })
    })

    it('parses structured answers', async () => {
      const format = zodResponseFormat(paint, 'paint')
      const { choices } = await client.chat.completions.parse({ ...chat, response_format: format })
      expect(paint.safeParse(choices[0]?.message.parsed).success).toBe(true)
    })

    it('gets log-probabilities with bytes', async () => {
      const body = { ...chat, max_tokens: 16, logprobs: true, top_logprobs: 2, ...({ ignore_eos: true } as object) }
      const { choices } = await client.chat.completions.create(body)
      const content = choices[0]?.logprobs?.content ?? []
      expect(content.flatMap(({ bytes }) => bytes ?? [])).toEqual(plainBytes)
      expect(content.every(({ top_logprobs: top }) => top.length === 2)).toBe(true)
    })

    it('puts streamed calls together, and may answer them', async () => {
      const tools = [zodFunction({ name: 'paint', parameters: paint, description })]
      const stream = client.chat.completions.stream({
        ...chat,
        tools,
        tool_choice: 'required',
        parallel_tool_calls: false,
      })
      const message = await stream.finalMessage()
      const [call] = message.tool_calls ?? []
      expect(call?.type === 'function' && paint.parse(JSON.parse(call.function.arguments))).toBeTruthy()
      const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'done' }
      const messages = [...chat.messages, message, result]
      const next = await client.chat.completions.create({
        ...chat,
        messages,
        tools,
        tool_choice: 'none',
        max_completion_tokens: 4,
      })
      expect(next.choices[0]?.message.tool_calls).toBeUndefined()
    })

    it('gets the reason for a schema that cannot be kept', async () => {
      const schema = { type: 'object', not: {} }
      const format = { type: 'json_schema' as const, json_schema: { name: 'a', schema } }
      const refused = client.chat.completions.create({ ...chat, response_format: format })
      await expect(refused).rejects.toMatchObject({ status: 400, param: 'response_format' })
      await expect(refused).rejects.toThrow(/"not"/)
    })
  })

  describe('the AI SDK', () => {
    let provider: OpenAICompatibleProvider
    const endless = { providerOptions: { served: { ignore_eos: true } } }
    beforeAll(() => {
      const options = { includeUsage: true, supportsStructuredOutputs: true, metadataExtractor }
      provider = createOpenAICompatible({ name: 'served', baseURL: `${listening.url}/v1`, apiKey: 'key', ...options })
    })
    const asked = () => ({ model: provider('served'), prompt, maxRetries: 0 })

    it('gets the same chat whole and streamed', async () => {
      const whole = await generateText({ ...asked(), ...endless, maxOutputTokens: 16 })
      expect(whole).toMatchObject({ text: plain, finishReason: 'length', usage: { outputTokens: 16 } })
      const stream = streamText({ ...asked(), ...endless, maxOutputTokens: 16 })
      let text = ''
      for await (const piece of stream.textStream) text += piece
      expect(text).toBe(plain)
      expect((await stream.usage).outputTokens).toBe(16)
    })

    it('hands log-probabilities on to its extractor of metadata, whole and streamed', async () => {
      const options = {
        providerOptions: { served: { ignore_eos: true, logprobs: true, top_logprobs: 2 } },
        maxOutputTokens: 16,
      }
      const whole = await generateText({ ...asked(), ...options })
      const said = whole.providerMetadata?.['served']?.['logprobs'] as unknown as readonly LogProb[]
      expect(said.flatMap(({ bytes }) => bytes)).toEqual(plainBytes)
      expect(said.every(({ top_logprobs: top }) => top.length === 2)).toBe(true)
      const stream = streamText({ ...asked(), ...options })
      await stream.consumeStream()
      expect((await stream.providerMetadata)?.['served']?.['logprobs']).toEqual(said)
    })

    it('embeds several texts', async () => {
      const { embeddings } = await embedMany({
        model: provider.embeddingModel('served'),
        values: ['red', 'blue'],
        maxRetries: 0,
      })
      expect(embeddings.map(({ length }) => length)).toEqual([engine.spec.width, engine.spec.width])
    })

    it('gets objects', async () => {
      const { output } = await generateText({ ...asked(), output: Output.object({ schema: paint }) })
      expect(paint.safeParse(output).success).toBe(true)
    })

    it.each(['whole', 'streamed'])('calls tools and goes on with what they say, %s', async (way) => {
      const painted: unknown[] = []
      const execute = (given: z.output<typeof paint>): string => {
        painted.push(paint.parse(given))
        return 'done'
      }
      const tools = { paint: aiTool({ description, inputSchema: paint, execute }) }
      const settings = { ...asked(), tools, toolChoice: 'required' as const, stopWhen: stepCountIs(2) }
      const steps = way === 'whole' ? (await generateText(settings)).steps : await streamText(settings).steps
      expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'tool-calls'])
      expect(painted.length).toBe(steps.reduce((sum, { toolCalls }) => sum + toolCalls.length, 0))
      expect(painted.length).toBeGreaterThanOrEqual(2)
    })

    it('gets errors as its own class', async () => {
      const refused = generateText({ ...asked(), model: provider('other') })
      await expect(refused).rejects.toSatisfy((error) => APICallError.isInstance(error) && error.statusCode === 404)
    })

    it('ends the work when it aborts', async () => {
      const controller = new AbortController()
      const stream = streamText({ ...asked(), ...endless, maxOutputTokens: 1500, abortSignal: controller.signal })
      for await (const piece of stream.textStream) if (piece !== '') controller.abort()
      await untilIdle(server)
    })
  })

  describe('LangChain', () => {
    const open = (fields: ChatOpenAIFields = {}): ChatOpenAI =>
      new ChatOpenAI({
        model: 'served',
        apiKey: 'key',
        configuration: { baseURL: `${listening.url}/v1` },
        maxRetries: 0,
        ...fields,
      })
    const endless = { modelKwargs: { ignore_eos: true } }

    it('gets the same chat whole and streamed', async () => {
      const model = open({ ...endless, maxTokens: 16 })
      const whole = await model.invoke(prompt)
      expect(whole.content).toBe(plain)
      expect(whole).toMatchObject({ usage_metadata: { output_tokens: 16 } })
      let text = ''
      for await (const chunk of await model.stream(prompt)) text += chunk.text
      expect(text).toBe(plain)
    })

    it('gets objects and log-probabilities', async () => {
      const value = await open().withStructuredOutput(paint, { method: 'jsonSchema', strict: true }).invoke(prompt)
      expect(paint.safeParse(value).success).toBe(true)
      const called = await open().withStructuredOutput(paint, { method: 'functionCalling' }).invoke(prompt)
      expect(paint.safeParse(called).success).toBe(true)
      const message = await open({ maxTokens: 3, logprobs: true, topLogprobs: 1 }).invoke(prompt)
      const { content } = message.response_metadata['logprobs'] as { content: unknown[] }
      expect(content.length).toBeGreaterThan(0)
    })

    it('gets calls, whole and streamed, and sends back what came of them', async () => {
      const tool = langChainTool(() => 'done', { name: 'paint', description, schema: paint })
      const model = open().bindTools([tool], { tool_choice: 'required', parallel_tool_calls: false })
      const message = await model.invoke(prompt)
      const [call] = message.tool_calls ?? []
      expect(paint.safeParse(call?.args).success).toBe(true)
      let streamed: AIMessageChunk | undefined
      for await (const chunk of await model.stream(prompt)) streamed = streamed?.concat(chunk) ?? chunk
      expect(streamed?.tool_calls?.map(({ args }) => args)).toEqual(message.tool_calls?.map(({ args }) => args))
      const result = new ToolMessage({ content: 'done', tool_call_id: call?.id ?? '', name: 'paint' })
      const next = await open({ maxTokens: 4 }).invoke([new HumanMessage(prompt), message, result])
      expect(AIMessage.isInstance(next)).toBe(true)
    })

    it('gets errors, and ends the work when it aborts', async () => {
      await expect(open({ model: 'other' }).invoke(prompt)).rejects.toMatchObject({ status: 404 })
      const controller = new AbortController()
      const stream = await open({ ...endless, maxTokens: 1500 }).stream(prompt, { signal: controller.signal })
      const reading = (async () => {
        for await (const chunk of stream) if (chunk.content !== '') controller.abort()
      })()
      await expect(reading).rejects.toThrow()
      await untilIdle(server)
    })
  })
})
