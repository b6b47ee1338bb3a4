/** A GGUF file as plain data: header, metadata, tensor table. No weights, no native code. */

export type NumberType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'f64'

/** A metadata value with its type in the file. Integers beyond 2^53 are bigints. */
export type MetadataValue =
  | { readonly type: NumberType; readonly value: number | bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: NumberType; readonly values: readonly (number | bigint)[] }
  | { readonly type: 'array'; readonly of: 'bool'; readonly values: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly values: readonly string[] }

export interface GgufTensor {
  readonly name: string
  /** ggml's type number (see `quants.ts`). */
  readonly type: number
  /** Extents in ggml's order: the first is contiguous. One to four, each at least 1. */
  readonly shape: readonly number[]
  /** Size in bytes, a consequence of type and shape. */
  readonly bytes: number
  /** Index into `GgufModel.files`. */
  readonly file: number
  /** Absolute byte position in that file. */
  readonly offset: number
}

/** Typed access to metadata: a wrong type is an error of the file, an absent key is `undefined`. */
export interface Metadata {
  readonly keys: readonly string[]
  has(key: string): boolean
  number(key: string): number | undefined
  string(key: string): string | undefined
  boolean(key: string): boolean | undefined
  /** Numbers of an array, or the one number of a scalar, as an array. */
  numbers(key: string): readonly number[] | undefined
  strings(key: string): readonly string[] | undefined
  /** Length of an array without decoding it. */
  arrayLength(key: string): number | undefined
  /** Name of the value's type, e.g. `u32`, `string`, `array<string>[49152]`; `absent` where there is none. */
  typeName(key: string): string
  /** The value with its type, as `writeGguf` takes it. */
  value(key: string): MetadataValue | undefined
}

/** One model: a file, or all files of a split model, checked and merged. */
export interface GgufModel {
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly version: number
  readonly alignment: number
  readonly metadata: Metadata
  readonly tensors: readonly GgufTensor[]
  /** Sum over tensors. */
  readonly tensorBytes: number
  /** SHA-256 (hex, 32 digits) over header bytes of all files and their sizes: identifies the weights' layout cheaply. */
  readonly fingerprint: string
}
