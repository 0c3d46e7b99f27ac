/** What bounds are about, of a JSON text. */
export interface Outline {
  /** Most containers inside each other. */
  readonly depth: number;
  /** Values, keys and closing brackets. */
  readonly tokens: number;
  /** Keys of the top-level object in their order, repetitions included. */
  readonly keys: string[];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:]|[^\s"[\]{}:,]+/gs;

/** The outline of a text that `JSON.parse` accepts, counted in another way than the router counts. */
export function outlineOf(text: string): Outline {
  const words = text.match(TOKEN) ?? [];
  const keys: string[] = [];
  let depth = 0;
  let level = 0;
  for (const [index, word] of words.entries()) {
    if (word === '{' || word === '[') depth = Math.max(depth, (level += 1));
    else if (word === '}' || word === ']') level -= 1;
    else if (level === 1 && words[0] === '{' && words[index + 1] === ':') keys.push(String(JSON.parse(word)));
  }
  return { depth, tokens: words.filter((word) => word !== ':').length, keys };
}
