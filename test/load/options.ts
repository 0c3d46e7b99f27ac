import { parseArgs } from 'node:util';

export const CASES = ['L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7', 'L9'] as const;
export type CaseId = (typeof CASES)[number];

export const USAGE = `npm run load -- [--only L1,L5] [--seconds N] [--write]

  --only LIST   some of ${CASES.join(', ')}
  --seconds N   how long each load lasts (default 20; the full figures of L5 want 300, those of L9 600)
  --write       puts the table into docs/performance.md
  
Exits 1 when a goal is missed. L8 is npm run soak.`;

export interface LoadOptions {
  readonly cases: readonly CaseId[];
  readonly seconds: number;
  readonly write: boolean;
}

/** Throws a `TypeError` for arguments that do not stand in `USAGE`. */
export function readOptions(args: string[]): LoadOptions {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '20' },
      write: { type: 'boolean', default: false },
    },
  });
  const wanted = values.only?.split(',') ?? CASES;
  if (!wanted.every((id) => (CASES as readonly string[]).includes(id))) {
    throw new TypeError(`--only takes some of ${CASES.join(',')}`);
  }
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 4 || seconds > 3_600) throw new TypeError('--seconds takes 4 to 3600');
  return { cases: CASES.filter((id) => wanted.includes(id)), seconds, write: values.write };
}
