/** Trace files: rounds of `--trace`, or saved here, as if they happened now. */
import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { Answer } from '../data/answer.ts'
import type { Look } from '../data/store.ts'
import { MOST_BYTES, readTraceFile, tokensOfRounds, tooLarge } from '../data/trace-file.ts'
import type { Piece, Round } from '../types.ts'
import { count } from '../data/words.ts'
import { Inspector } from './inspector.tsx'
import { OriginLegend } from './legend.tsx'
import { useStore } from './store-context.ts'
import { Tokens } from './tokens.tsx'

/** Opens a file and shows its answers. */
export function Replay(): ComponentChildren {
  const store = useStore()
  const file = store.file.value
  const [problem, setProblem] = useState('')
  const [chosen, setChosen] = useState(0)
  const [look, setLook] = useState<Look>(beginning)
  const open = async (picked: File | undefined): Promise<void> => {
    if (!picked) return
    const answers = await readFile(picked)
    setChosen(0)
    setLook(beginning)
    store.file.value = undefined
    setProblem(typeof answers === 'string' ? `${picked.name}: ${answers}` : '')
    if (typeof answers === 'string') return
    const { pieces, problem: missing } = await piecesOf(answers, (tokens) => store.api.pieces(tokens))
    store.file.value = { name: picked.name, answers: answers.map((rounds) => filled(rounds, pieces)) }
    setProblem(missing)
    store.announcement.value = `${picked.name} is open: ${count(answers.length, 'answer')}.`
  }
  const choose = (answer: number): void => {
    setChosen(answer)
    setLook(beginning)
  }
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    void open(event.dataTransfer?.files[0])
  }
  const answer = file?.answers[chosen]
  return (
    <div class="replay">
      <section
        class="conversation"
        aria-label="Trace file"
        onDragOver={(event) => event.preventDefault()}
        onDrop={drop}
      >
        <Opener model={store.about.value?.name ?? ''} onFile={(picked) => void open(picked)} />
        {problem !== '' && (
          <p class="alarm" role="alert">
            {problem}
          </p>
        )}
        {file && file.answers.length > 1 && <Choice answers={file.answers} at={chosen} onChoose={choose} />}
        {answer && (
          <div class="log" tabIndex={0} role="region" aria-label={file.name}>
            <article class="answer">
              <Tokens answer={answer} round={look.round} onPick={(round, node) => setLook({ round, node })} />
            </article>
            <OriginLegend rounds={answer.rounds} />
          </div>
        )}
      </section>
      <Inspector answer={answer} look={look} onLook={setLook} />
    </div>
  )
}

// ---------------------------------------------------------------------------------------------------------------

const beginning: Look = { round: 0, node: undefined }

/** Rounds of a file by answers, or what is wrong with it. */
async function readFile(file: File): Promise<readonly (readonly Round[])[] | string> {
  if (file.size > MOST_BYTES) return tooLarge(file.size)
  try {
    return readTraceFile(await file.text())
  } catch {
    return 'expected a file that can be read, got none; was it moved, or is it a folder?'
  }
}

function Opener(props: {
  readonly model: string
  readonly onFile: (file: File | undefined) => void
}): ComponentChildren {
  const id = useId()
  const { model, onFile } = props
  return (
    <div class="opener">
      <label class="button main" for={id}>
        Open a trace file
      </label>
      <input
        id={id}
        type="file"
        accept=".jsonl,.json,.ndjson,.txt"
        onChange={(event) => {
          onFile(event.currentTarget.files?.[0])
          // The same file, changed meanwhile, may be opened again.
          event.currentTarget.value = ''
        }}
      />
      <p class="quiet">
        A file of <code>heterospec run --trace</code>, <code>serve --trace</code> or “Save trace”; it may be dropped
        here too. It stays in this page: the server is asked for the texts of its tokens only
        {model && `, by the vocabulary of ${model}`}.
      </p>
    </div>
  )
}

/** Which answer of a file. */
function Choice(props: {
  readonly answers: readonly Answer[]
  readonly at: number
  readonly onChoose: (answer: number) => void
}): ComponentChildren {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>Answer</label>
      <select id={id} value={props.at} onChange={(event) => props.onChoose(Number(event.currentTarget.value))}>
        {props.answers.map(({ rounds }, index) => (
          <option key={index} value={index}>
            {nameOf(rounds[0], index, props.answers.length)}
          </option>
        ))}
      </select>
    </div>
  )
}

/** Its place in the file, and the id of its request where the file has it. */
function nameOf(round: Round | undefined, index: number, all: number): string {
  return `${index + 1} of ${all}${round?.request === undefined ? '' : `: ${round.request}`}`
}

function filled(rounds: readonly Round[], pieces: ReadonlyMap<number, Piece>): Answer {
  const answer = new Answer('from a file')
  answer.fill(rounds, pieces)
  return answer
}

/** Texts of all tokens of a file; where the server has none for them, ids are shown. */
async function piecesOf(
  answers: readonly (readonly Round[])[],
  ask: (tokens: readonly number[]) => Promise<Map<number, Piece>>,
): Promise<{ readonly pieces: Map<number, Piece>; readonly problem: string }> {
  try {
    return { pieces: await ask(tokensOfRounds(answers.flat())), problem: '' }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { pieces: new Map(), problem: `Tokens are shown by number: ${why}` }
  }
}
