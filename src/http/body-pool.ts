/** Bodies below this are left to the garbage collector, which is good at small ones. Bytes. */
const SMALLEST = 64 * 1024;
/** Largest sum that is kept for the next bodies. Bytes. */
const MAX_KEPT = 32 * 1024 * 1024;

/**
 * Buffers of large request bodies, to be used again. Every megabyte of new buffers brings the next full garbage collection
 * nearer, and its pages have to be mapped and cleared: that cost more than the relay of the body itself.
 */
export class BodyPool {
  /** Free ones by size, which is a power of two. */
  readonly #free = new Map<number, Buffer[]>();
  #kept = 0;

  /** A buffer of `size` bytes with anything in it. */
  take(size: number): Buffer {
    if (size < SMALLEST) return Buffer.allocUnsafe(size);
    const whole = 2 ** Math.ceil(Math.log2(size));
    const buffer = this.#free.get(whole)?.pop();
    if (buffer) this.#kept -= whole;
    return (buffer ?? Buffer.allocUnsafeSlow(whole)).subarray(0, size);
  }

  /** Gives back what `take` returned. Nobody may hold it any more: not even a socket that has yet to send it. */
  give(body: Buffer): void {
    const whole = body.buffer.byteLength;
    const ours = body.byteOffset === 0 && Number.isInteger(Math.log2(whole));
    if (!ours || body.length < SMALLEST || this.#kept + whole > MAX_KEPT) return;
    const free = this.#free.get(whole) ?? [];
    this.#free.set(whole, free);
    free.push(Buffer.from(body.buffer));
    this.#kept += whole;
  }
}
