/** Numbers and rows as people read them. Pure text, no printing. */

/** `512 B`, `98.4 MB`, `1.12 GB`: decimal units, three digits. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** `49152` as `49.2 k`, `134515008` as `135 M`. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T'])
}

/** `850 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${twoDigits(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`
}

/**
 * Rows as aligned columns, the first row as heading, two spaces between columns. Columns in `right` (by index) are set
 * to the right. Lines end without spaces.
 */
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

// ------------------------------------------------------------------------------------------------------------------

function scaled(value: number, units: readonly string[]): string {
  let power = 0
  let rest = value
  // 999.5 would be shown as 1000 of the smaller unit.
  while (rest >= 999.5 && power < units.length - 1) {
    rest /= 1000
    power += 1
  }
  const digits = power === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2
  return `${rest.toFixed(digits)} ${units[power] ?? ''}`.trimEnd()
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
