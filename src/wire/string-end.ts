const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Compiled from string-end.wat, in base64; its test compiles it again and compares. */
const MODULE =
  'AGFzbQEAAAABBwFgAn9/AX8DAgEABQMBAAIHEQIGbWVtb3J5AgAEZmluZAAACpMBAZABAgF7AX8DQCAAIAFPBEAgAA8LIAD9AAQAIQIgAv0MIi' +
  'IiIiIiIiIiIiIiIiIiIv0jIAL9DFxcXFxcXFxcXFxcXFxcXFz9I/1Q/WQhAyADRQRAIABBEGohACAAIAFJDQEgAQ8LIAAgA2hqIQAgACABTwRA' +
  'IAEPCyAALQAAQSJGBEAgAA8LIABBAmohAAwACwAL';

type Find = (this: void, pos: number, end: number) => number;

/** The subset that is needed of what Node has; its types come with those of browsers. */
interface WebAssemblyApi {
  validate(code: Uint8Array): boolean;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly find: Find };
  };
}

/** Strings up to this length are walked byte by byte. Copying them elsewhere costs more. */
const NEAR_BYTES = 256;
/** Bytes that are copied at a time: few at first, since most strings end soon. */
const FIRST_WINDOW = 1024;
const LARGEST_WINDOW = 64 * 1024;

const simd = load();

/**
 * Where the JSON string whose inside starts at `start` ends: after its closing quote. `undefined` when it has no end. Text of people
 * and programs has an escape every few dozen bytes, too many for a native search for each.
 */
export function endOfString(bytes: Buffer, start: number): number | undefined {
  const { length } = bytes;
  const near = simd ? Math.min(start + NEAR_BYTES, length) : length;
  let pos = start;
  while (pos < near) {
    const byte = bytes[pos];
    if (byte === QUOTE) return pos + 1;
    pos += byte === BACKSLASH ? 2 : 1;
  }
  return simd && farEnd(bytes, pos, simd);
}

function farEnd(bytes: Buffer, start: number, { find, memory }: Simd): number | undefined {
  let pos = start;
  for (let window = FIRST_WINDOW; pos < bytes.length; window = Math.min(8 * window, LARGEST_WINDOW)) {
    const size = Math.min(window, bytes.length - pos);
    memory.set(bytes.subarray(pos, pos + size));
    const found = find(0, size);
    pos += found;
    if (found < size) return pos + 1;
  }
  return undefined;
}

interface Simd {
  readonly memory: Uint8Array;
  readonly find: Find;
}

/** `undefined` on processors without vector instructions. */
function load(): Simd | undefined {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  const code = Buffer.from(MODULE, 'base64');
  if (!WebAssembly.validate(code)) return undefined;
  const { memory, find } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports;
  return { memory: new Uint8Array(memory.buffer), find };
}
