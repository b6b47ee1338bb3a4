import { beforeAll, describe, expect, it } from 'vitest'
import { loadGrammarLibrary, type GrammarLibrary } from './library.ts'
import { mostNeeded } from './shortest.ts'

let library: GrammarLibrary
beforeAll(async () => {
  library = await loadGrammarLibrary()
})

async function measured(ebnf: string): Promise<number> {
  const grammar = await library.api.Grammar.fromEBNF(ebnf)
  const printed = grammar.toString()
  grammar.dispose()
  return mostNeeded(printed)
}

describe('what a text needs to its end', () => {
  it.each<[ebnf: string, bytes: number]>([
    ['root ::= "abc"', 3],
    ['root ::= "" | "abc"', 3],
    ['root ::= [a-z]* "x"? [^0-9\\]"]+ "y"\n', 1],
    ['root ::= ("a" | "bcd") tail\ntail ::= ("-" [0-9]){3} | "|)("', 4],
    ['root ::= [^"\\]]{4000,9000} "abc"', 3],
    ['root ::= ("ab"){5000}', 10_000],
    ['root ::= "x" long | "y"\nlong ::= ("ab"){5000,9000}', 10_001],
    ['root ::= "(" root ")" | "x"', 3],
    ['root ::= ("ab"){0,9000}', 256],
    ['root ::= "a" b\nb ::= "c" (="d" "e")', 2],
  ])('%j: %i bytes, whichever way it takes', async (ebnf, bytes) => {
    expect(await measured(ebnf)).toBe(bytes)
  })

  it.each([
    ...['root ::= root', 'root ::= "a" root', 'root ::= a\na ::= b "x"\nb ::= a | "y" b'],
    ...['root ::= ("a" root){2}', 'root ::= "a" | "b" loop\nloop ::= "c" loop'],
  ])('%j may come to no end', async (ebnf) => expect(await measured(ebnf)).toBe(Infinity))

  it('is found at once where rules refer to each other in long rows', () => {
    const rules = Array.from({ length: 3000 }, (_, at) => `r${at} ::= (("a" r${at + 1}) | ("b" r${at + 1}))`)
    const chain = ['root ::= ((r0))', ...rules, 'r3000 ::= (("z"))']
    expect(mostNeeded(chain.join('\n'))).toBe(3001)
    expect(mostNeeded(chain.reverse().join('\n'))).toBe(3001)
  })
})
