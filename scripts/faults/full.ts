/** More than the server has room for: full contexts, long prompts side by side, a full queue. */
import { requireSoundMetrics, untilIdle } from './checks.ts'
import type { Served } from './server.ts'
import { firstAnswer, open, request, type Answered, type Wire } from './wire.ts'

/** What became of the requests. */
export interface FullReport {
  readonly answered: number
  /** 503 with `Retry-After`. */
  readonly refused: number
  /** 400 with both numbers: longer than the context. */
  readonly tooLong: number
}

/** Sends them all at once, `rounds` times. `context` is that of the server. Throws for any other answer. */
export async function runFull(served: Served, context: number, rounds: number): Promise<FullReport> {
  const { port } = served
  const counts = { answered: 0, refused: 0, tooLong: 0 }
  for (let round = 0; round < rounds; round++) {
    const lengths = [
      ...[context - 1, context - 2, context, context + 1, 4 * context],
      ...new Array<number>(27).fill(context - 20),
    ]
    // The server stands still until all are sent: else a slow client would find it idle again and again.
    served.child.kill('SIGSTOP')
    const wires = await Promise.all(lengths.map((length, index) => fill(port, length, index))).finally(() =>
      served.child.kill('SIGCONT'),
    )
    const answers = await Promise.all(wires.map(answerOf))
    answers.forEach((answer, index) => counts[outcome(answer, lengths[index] ?? 0, context)]++)
    await untilIdle(served)
  }
  if (counts.refused === 0 || counts.answered === 0 || counts.tooLong === 0) {
    throw new Error(`expected answers, refusals and prompts that are too long, got ${JSON.stringify(counts)}`)
  }
  await requireSoundMetrics(port)
  return counts
}

// ---------------------------------------------------------------------------------------------------------------

/** Sends a prompt of `length` tokens and asks for an answer until nothing more fits. */
async function fill(port: number, length: number, seed: number): Promise<Wire> {
  const prompt = Array.from({ length }, (_, index) => 3 + ((index * 7 + seed) % 200))
  const wire = await open(port)
  const body = JSON.stringify({ prompt, max_tokens: 100_000, ignore_eos: true, seed })
  await new Promise((resolve) => wire.socket.write(request('/v1/completions', body), resolve))
  return wire
}

async function answerOf(wire: Wire): Promise<Answered> {
  using asked = wire
  await asked.until((bytes) => firstAnswer(bytes) !== undefined)
  const found = firstAnswer(asked.received())
  if (found) return found.answer
  throw new Error(`expected an answer, got ${asked.received().slice(0, 200) || 'nothing'}`)
}

function outcome({ status, headers, text }: Answered, length: number, context: number): keyof FullReport {
  if (status === 503 && Number(headers['retry-after']) >= 1) return 'refused'
  if (status === 400 && length >= context && text.includes('context_length_exceeded')) return 'tooLong'
  if (status === 200 && length <= context) {
    const { choices, usage } = JSON.parse(text) as {
      choices: { finish_reason: string }[]
      usage: { total_tokens: number }
    }
    // The last token that is drawn needs no row.
    if (choices[0]?.finish_reason === 'length' && usage.total_tokens >= context && usage.total_tokens <= context + 1)
      return 'answered'
  }
  throw new Error(`a prompt of ${length} tokens in a context of ${context} got ${status}: ${text.slice(0, 300)}`)
}
