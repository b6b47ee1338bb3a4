/** Names of the files of a split model: `name-00001-of-00003.gguf`. */

export interface ShardName {
  /** Everything before the numbers, folder included. */
  readonly prefix: string
  /** From 0. */
  readonly index: number
  readonly count: number
}

/** What a path says about its place in a split model; `undefined` for a name without numbers. */
export function parseShardName(path: string): ShardName | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(path)
  if (!match) return undefined
  return { prefix: match[1] ?? '', index: Number(match[2]) - 1, count: Number(match[3]) }
}

/** Paths of all files of a split model, in order. */
export function shardPaths(prefix: string, count: number): string[] {
  const digits = (value: number): string => String(value).padStart(5, '0')
  return Array.from({ length: count }, (_, index) => `${prefix}-${digits(index + 1)}-of-${digits(count)}.gguf`)
}
