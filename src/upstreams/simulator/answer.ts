import { createHash } from 'node:crypto';
import { type LastTurn, textOf } from './last-turn.ts';
import type { JsonObject, MessageRequest } from './request.ts';
import { sampleOf } from './sample.ts';
import { OutputBudget } from './tokens.ts';
import { chooseCall, type ToolCall } from './tools.ts';

export type AnswerBlock =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: JsonObject };

export interface Answer {
  readonly content: readonly AnswerBlock[];
  readonly stopReason: 'end_turn' | 'tool_use' | 'max_tokens' | 'stop_sequence';
  readonly stopSequence: string | null;
  readonly outputTokens: number;
}

const INTRODUCTION =
  'I am the simulator of link-assistant-router, not a model: I cost nothing, and nothing left this machine.';
const TO_TRY =
  'To try: “use a tool” in a request with tools, or “simulate error 529”, “simulate overloaded mid-stream”, ' +
  '“simulate cut”, “simulate truncation”, “simulate silence 30”, “simulate slow 200”, “simulate long 500”.';
const THINKING =
  'The user wrote to a simulator. There is nothing to think about here, so this block only shows how thinking arrives.';
const FILLER = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** Characters of the user's text, or of a tool's result, that are repeated. */
const ECHO = 60;

export interface AnswerOptions {
  /** Length of the text in words, in place of the usual one. */
  readonly words: number | undefined;
  /** Id of a tool call. */
  readonly callId: string;
}

/** What the simulator says to a request. The same request always gets the same answer. */
export function composeAnswer(request: MessageRequest, turn: LastTurn, { words, callId }: AnswerOptions): Answer {
  const budget = new OutputBudget(request.maxTokens);
  const content: AnswerBlock[] = [];
  const end = (stopReason: Answer['stopReason'], stopSequence: string | null = null): Answer => ({
    content,
    stopReason,
    stopSequence,
    outputTokens: budget.used,
  });

  const call = words === undefined ? chooseCall(request, turn) : undefined;
  if (request.thinking !== 'off') {
    const thinking = budget.take(THINKING);
    content.push({
      type: 'thinking',
      thinking: request.thinking === 'shown' ? thinking : '',
      signature: sign(thinking),
    });
    if (budget.exceeded) return end('max_tokens');
  }

  const wanted = textFor(request, turn, call, words);
  const stop = firstStop(wanted, request.stopSequences);
  const text = budget.take(stop ? wanted.slice(0, stop.at) : wanted);
  if (text !== '') content.push({ type: 'text', text });
  if (budget.exceeded) return end('max_tokens');
  if (stop) return end('stop_sequence', stop.sequence);
  if (!call) return end('end_turn');

  budget.take(call.name + JSON.stringify(call.input));
  // A part of the input would be no JSON.
  if (budget.exceeded) return end('max_tokens');
  content.push({ type: 'tool_use', id: callId, ...call });
  return end('tool_use');
}

function textFor(
  request: MessageRequest,
  turn: LastTurn,
  call: ToolCall | undefined,
  words: number | undefined,
): string {
  if (words !== undefined) return Array.from({ length: words }, (_, index) => FILLER[index % FILLER.length]).join(' ');
  if (call) return `The simulator calls ${call.name} now.`;
  if (request.outputSchema) return JSON.stringify(sampleOf(request.outputSchema));
  if (turn.results.length > 0) return textForResults(turn.results);
  const echo = turn.text === '' ? [] : [`You wrote: “${shorten(turn.text)}”`];
  return [INTRODUCTION, ...echo, TO_TRY].join('\n\n');
}

function textForResults(results: readonly JsonObject[]): string {
  const said = results.map(({ content, is_error: failed }) => {
    const text = shorten(textOf(content));
    return `${failed === true ? 'the error' : 'the result'} ${text === '' ? 'without text' : `“${text}”`}`;
  });
  return `The simulator got ${said.join(' and ')} from ${results.length === 1 ? 'the tool' : 'the tools'}, and is done.`;
}

/** One line, cut between characters. */
function shorten(text: string): string {
  const line = text
    .slice(0, 10 * ECHO)
    .replace(/\s+/g, ' ')
    .trim();
  const characters = Array.from(line);
  return characters.length > ECHO ? `${characters.slice(0, ECHO).join('')}…` : line;
}

function firstStop(text: string, sequences: readonly string[]): { at: number; sequence: string } | undefined {
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of sequences) {
    const at = text.indexOf(sequence);
    if (at >= 0 && (!first || at < first.at)) first = { at, sequence };
  }
  return first;
}

/** Looks like a signature, and proves nothing: no vendor will take it. */
function sign(thinking: string): string {
  return createHash('sha512').update(`simulated ${thinking}`).digest('base64');
}
