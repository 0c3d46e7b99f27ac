import { isObject, type JsonObject, type Turn } from './request.ts';

/** What the last user turn holds. Earlier turns do not count: a simulated fault must not come back in every later request. */
export interface LastTurn {
  /** The user's own words, at most `MAX_TEXT` characters, the last ones. */
  readonly text: string;
  readonly results: readonly JsonObject[];
}

/** Characters that are looked at: a prompt may be megabytes long. */
const MAX_TEXT = 10_000;

/** Agents add instructions of their own in these; a tool that is named there was not asked for by the user. */
const REMINDER_START = '<system-reminder>';
const REMINDER_END = '</system-reminder>';

export function lastTurn(turns: readonly Turn[]): LastTurn {
  const content = turns.findLast(({ role }) => role === 'user')?.content ?? [];
  return {
    text: withoutReminders(textOf(content)).trim().slice(-MAX_TEXT),
    results: content.filter(({ type }) => type === 'tool_result'),
  };
}

/** The texts of a list of blocks, or a plain text, as the content of turns and of tool results comes. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) => (isObject(block) && typeof block['text'] === 'string' ? block['text'] : ''))
    .filter((text) => text !== '')
    .join('\n');
}

/** By index rather than by pattern, so that a text full of openings takes linear time. */
function withoutReminders(text: string): string {
  let kept = '';
  let from = 0;
  for (;;) {
    const start = text.indexOf(REMINDER_START, from);
    const end = start < 0 ? -1 : text.indexOf(REMINDER_END, start);
    if (end < 0) return kept + text.slice(from);
    kept += text.slice(from, start);
    from = end + REMINDER_END.length;
  }
}
