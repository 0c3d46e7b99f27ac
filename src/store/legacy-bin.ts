import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { fromLegacy, type LegacyRecord, toLegacy } from './legacy-record.ts';
import type { TokenRecord } from './store.ts';

/** First bytes of `tokens.bin` of 0.17.0. Each record follows as its length (u32, little-endian) and that much JSON. */
const MAGIC = Buffer.from('LARTOK01', 'latin1');
const LENGTH_BYTES = 4;

// Unknown members are refused: to drop one might drop a limit of the token.
const recordSchema = z.strictObject({
  id: z.string().min(1),
  label: z.string().default(''),
  issued_at: z.int(),
  expires_at: z.int(),
  revoked: z.boolean().default(false),
  account: z.string().nullable().default(null),
});

/**
 * Reads `tokens.bin` of 0.17.0; see `fromLegacy` for `revokedAt`. Throws an error that names the byte offset when the file is
 * cut or broken. A file too short for the magic is an empty store, as it was for 0.17.0.
 */
export function parseTokensBin(bytes: Uint8Array, revokedAt?: number): TokenRecord[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < MAGIC.length) return [];
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('invalid binary magic header at offset 0');

  const records: TokenRecord[] = [];
  let offset = MAGIC.length;
  while (offset < file.length) {
    const start = offset + LENGTH_BYTES;
    const end = start <= file.length ? start + file.readUInt32LE(offset) : Infinity;
    if (end > file.length) throw new Error(`the record at offset ${offset} is cut`);
    records.push(fromLegacy(parseRecord(file.subarray(start, end), offset), revokedAt));
    offset = end;
  }
  return records;
}

/** Writes `tokens.bin` as 0.17.0 did. */
export function formatTokensBin(records: readonly TokenRecord[]): Buffer {
  const parts = toLegacy(records).flatMap((record) => {
    const json = Buffer.from(JSON.stringify(record), 'utf8');
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(json.length);
    return [length, json];
  });
  return Buffer.concat([MAGIC, ...parts]);
}

function parseRecord(json: Buffer, offset: number): LegacyRecord {
  try {
    return recordSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json)));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error).replaceAll(/\s+/g, ' ') : messageOf(error);
    throw new Error(`the record at offset ${offset} is invalid: ${problem}`, { cause: error });
  }
}
