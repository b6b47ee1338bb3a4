/** The byte-level vocabulary of tiny models, in the form that libllama's BPE reads. */

/** ChatML, as SmolLM2 and Qwen speak it. */
export const chatTemplate =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/** A byte-level vocabulary: every byte, a few merges, three control tokens at the front as SmolLM2 has them. */
export function vocabulary(): { readonly tokens: string[]; readonly types: number[]; readonly merges: string[] } {
  const merges = (
    'Ġ t,h e,i n,r e,o n,Ġt he,e r,Ġ a,Ġ s,a t,e n,o r,Ġ w,Ġ o,i t,i s,Ġ c,a n,o u,e d,in g,Ġ b,e s,Ġ f,Ġ p,' +
    'Ġ i,Ġ m,Ġa n,Ġan d,Ġt o,Ġo f,o m,Ġ d,a l,Ġin g,i c,a r,l e'
  ).split(',')
  const control = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
  const tokens = [...control, ...byteLetters(), ...merges.map((merge) => merge.replace(' ', ''))]
  return { tokens, types: tokens.map((_, id) => (id < control.length ? 3 : 1)), merges }
}

/** GPT-2's printable stand-ins for the 256 bytes. */
function byteLetters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++))
}
