import { askStream, type StreamOutcome, type Target } from './ask-stream.ts';
import { Stopwatch, type Times } from './figures.ts';
import { FAULTS, type Wish } from './wish.ts';

export interface ChurnPlan extends Target {
  /** Streams under way at a time. */
  readonly streams: number;
  readonly seconds: number;
  /** Share of the streams that something is wrong with: the upstream breaks, or the client leaves. */
  readonly faults: number;
}

export interface ChurnFigures {
  /** Streams that ended as they had to. */
  readonly right: number;
  /** By what was wanted and what came. */
  readonly wrong: Readonly<Record<string, number>>;
  readonly added: Times;
}

type Mishap = Wish['fault'] | 'leave';
const MISHAPS: readonly Mishap[] = [...FAULTS, 'leave'];
const EVERY_MS = 100;
const LEAST_EVENTS = 10;
const MOST_EVENTS = 100;

/** How the router has to end a stream, by what happens to it. */
function wanted(mishap: Mishap): string {
  switch (mishap) {
    case undefined:
      return 'whole';
    case 'cut':
    case 'reset':
      return 'error-event';
    case 'silent':
      return 'status 502';
    case 'overloaded':
      return 'status 529';
    case 'leave':
      return 'truncated';
  }
}

/** Keeps streams of one to ten seconds under way: when one ends, another begins. */
export async function runChurn(plan: ChurnPlan): Promise<ChurnFigures> {
  const until = performance.now() + plan.seconds * 1000;
  const added = new Stopwatch();
  const wrong: Record<string, number> = {};
  let right = 0;
  let number = 0;
  const worker = async () => {
    while (performance.now() < until) {
      const mishap = Math.random() < plan.faults ? MISHAPS[number % MISHAPS.length] : undefined;
      const events = LEAST_EVENTS + Math.floor(Math.random() * (MOST_EVENTS - LEAST_EVENTS));
      const fault = mishap === 'leave' ? undefined : mishap;
      number = (number + 1) % 999_999;
      const outcome = await askStream(
        plan,
        { stream: number, events, every: EVERY_MS, fault },
        {
          onAdded: (micros) => added.record(micros),
          leaveAfter: mishap === 'leave' ? events >> 1 : undefined,
        },
      );
      const came = endOf(outcome, events);
      if (came === wanted(mishap)) right += 1;
      else wrong[`${mishap ?? 'none'}: ${came}`] = (wrong[`${mishap ?? 'none'}: ${came}`] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: plan.streams }, worker));
  return { right, wrong, added: added.times() };
}

function endOf({ reader, failure }: StreamOutcome, events: number): string {
  const end = failure ?? reader.end(events);
  const { lost, repeated, corrupt } = reader.wrongs;
  return lost + repeated + corrupt > 0 ? `${end} with wrong events` : end;
}
