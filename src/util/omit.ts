/** A copy of a record without some of its fields. */
export function omit<T extends object, K extends keyof T>(record: T, ...keys: readonly K[]): Omit<T, K> {
  const rest = { ...record }
  for (const key of keys) Reflect.deleteProperty(rest, key)
  return rest
}
