import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';

/** Where the upstream's ledger and the router's database differ. All 0 when the books are right. */
export interface BookDifferences {
  /** Answers that the upstream began and that have no usage row. */
  missing: number;
  /** Usage rows that name an answer which the upstream does not know, or one that another row names. */
  surplus: number;
  /** Rows with another status, or with other tokens than the client was told. */
  different: number;
  /** Usage rows in all. */
  rows: number;
}

/** Compares every usage row of a router that has ended with the ledger of the bench's upstream. */
export async function compareBooks(ledger: string, database: string): Promise<BookDifferences> {
  const answers = new Map<string, { status: number; tokens: number | undefined }>();
  for await (const line of createInterface({ input: createReadStream(ledger) })) {
    const [id = '', status, tokens] = line.split(' ');
    answers.set(id, { status: Number(status), tokens: tokens === '-' ? undefined : Number(tokens) });
  }
  const found: BookDifferences = { missing: 0, surplus: 0, different: 0, rows: 0 };
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const rows = db.prepare('SELECT upstream_request_id AS id, status, ended, output_tokens AS tokens FROM usage');
    for (const { id, status, ended, tokens } of rows.iterate()) {
      found.rows += 1;
      if (typeof id !== 'string') continue;
      const answer = answers.get(id);
      answers.delete(id);
      if (!answer) found.surplus += 1;
      else if (status !== answer.status) found.different += 1;
      else if (ended === 'complete' && status === 200 && tokens !== answer.tokens) found.different += 1;
    }
  } finally {
    db.close();
  }
  found.missing = answers.size;
  return found;
}
