/**
 * A parser of PromQL as far as our dashboard uses it: what metrics an expression asks for, with which labels, and what is done to them.
 * Anything that it does not know is an error.
 */

/** One metric in an expression. */
export interface Asked {
  readonly metric: string
  /** In its own braces, and those by which it is summed. */
  readonly labels: readonly string[]
  /** With a range behind it. */
  readonly ranged: boolean
  /** The function around it, e.g. `rate`. */
  readonly inside: string | undefined
}

/** The metrics of an expression without variables. Throws with the place of the first mistake. */
export function metricsOf(expression: string): readonly Asked[] {
  const parser = new Parser(expression)
  parser.expression({ inside: undefined, by: [] })
  parser.end()
  return parser.metrics
}

// ---------------------------------------------------------------------------------------------------------------

const functions = ['rate', 'increase', 'deriv', 'histogram_quantile', 'clamp_min']
const aggregations = ['sum', 'max', 'avg']

interface Around {
  readonly inside: string | undefined
  readonly by: readonly string[]
}

class Parser {
  readonly metrics: Asked[] = []
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  expression(around: Around): void {
    this.#term(around)
    while (this.#take(/[-+*/]|or\b/)) {
      for (const word of [/on\b/, /group_left\b/]) if (this.#take(word)) this.#need(/\(\s*\)/, 'no label')
      this.#term(around)
    }
  }

  end(): void {
    if (this.#text.slice(this.#at).trim() !== '') this.#fail('an end')
  }

  #term(around: Around): void {
    if (this.#take(/\d+(\.\d+)?/)) return
    if (this.#take(/\(/)) {
      this.expression(around)
      this.#need(/\)/, ')')
      return
    }
    const name = this.#need(/[a-zA-Z_:][\w:]*/, 'a name')
    if (functions.includes(name) || aggregations.includes(name)) this.#call(name, around)
    else this.#metric(name, around)
  }

  #call(inside: string, { by: outer }: Around): void {
    const aggregates = aggregations.includes(inside)
    const by = aggregates ? (this.#take(/by\b/) ? this.#labels() : []) : outer
    this.#need(/\(/, '(')
    do this.expression({ inside, by })
    while (this.#take(/,/))
    this.#need(/\)/, ')')
  }

  #metric(metric: string, { inside, by }: Around): void {
    const labels = [...by]
    if (this.#take(/\{/)) {
      do {
        labels.push(this.#need(/[a-zA-Z_]\w*/, 'a label'))
        this.#need(/=~|!~|!=|=/, 'a comparison')
        this.#need(/"[^"]*"/, 'a text')
      } while (this.#take(/,/))
      this.#need(/\}/, '}')
    }
    this.metrics.push({ metric, labels, ranged: this.#take(/\[\d+[smh]\]/) !== undefined, inside })
  }

  #labels(): string[] {
    const labels: string[] = []
    this.#need(/\(/, '(')
    do labels.push(this.#need(/[a-zA-Z_]\w*/, 'a label'))
    while (this.#take(/,/))
    this.#need(/\)/, ')')
    return labels
  }

  #take(pattern: RegExp): string | undefined {
    const found = new RegExp(`^\\s*(${pattern.source})`).exec(this.#text.slice(this.#at))
    if (found) this.#at += found[0].length
    return found?.[1]
  }

  #need(pattern: RegExp, what: string): string {
    return this.#take(pattern) ?? this.#fail(what)
  }

  #fail(what: string): never {
    throw new Error(
      `expected ${what} at ${this.#at} of ${this.#text}, got ${this.#text.slice(this.#at, this.#at + 20)}`,
    )
  }
}
