/** About what English text and JSON take with the tokenizers of the vendor. */
const BYTES_PER_TOKEN = 4;

/** Tokens of a text, estimated from its size in UTF-8. */
export function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/** What `max_tokens` still allows to write. */
export class OutputBudget {
  readonly #limit: number;
  #used = 0;
  #exceeded = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Something did not fit; then all of the budget is used. */
  get exceeded(): boolean {
    return this.#exceeded;
  }

  /** The text, or as much of its beginning as fits, never with a part of a character. */
  take(text: string): string {
    const room = this.#limit - this.#used;
    const needed = tokensOf(text);
    if (needed <= room) {
      this.#used += needed;
      return text;
    }
    this.#used = this.#limit;
    this.#exceeded = true;
    const bytes = Buffer.from(text);
    let end = room * BYTES_PER_TOKEN;
    while (isContinuation(bytes[end])) end -= 1;
    return bytes.toString('utf8', 0, end);
  }
}

/** RFC 3629 section 3: the second and later bytes of a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
