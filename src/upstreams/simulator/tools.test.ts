import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastTurn } from './last-turn.ts';
import { readRequest } from './request.ts';
import { chooseCall } from './tools.ts';

const BASH = {
  name: 'Bash',
  input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
};
const READ = {
  name: 'Read',
  input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
};
const SEARCH = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
const LATER = { name: 'Later', defer_loading: true, input_schema: { type: 'object' } };

const RUN = { name: 'Bash', input: { command: 'echo simulated' } };
const OPEN = { name: 'Read', input: { path: 'simulated' } };

const call = (content: unknown, rest: object) => {
  const body = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content }], ...rest };
  const request = readRequest(Buffer.from(JSON.stringify(body)), { counting: false });
  return chooseCall(request, lastTurn(request.turns));
};

const result = [{ type: 'tool_result', tool_use_id: 'x', content: 'Read' }];
const tools = [READ, BASH, SEARCH, LATER];

const cases: readonly [what: string, content: unknown, rest: object, expected: unknown][] = [
  ['none was asked for', 'hello', { tools }, undefined],
  ['its name is part of a word', 'Reading', { tools }, undefined],
  ['the user names it', 'Please Read the file', { tools }, OPEN],
  ['the user says "use a tool", which prefers the shell', 'use a tool', { tools }, RUN],
  ['there is no shell', 'use a tool', { tools: [READ] }, OPEN],
  ['there are no tools', 'use a tool', {}, undefined],
  ['it runs at the vendor', 'use a tool: web_search', { tools: [SEARCH] }, undefined],
  ['it is not loaded yet', 'use a tool: Later', { tools: [LATER] }, undefined],
  [
    'it is the shell tool of the vendor',
    'use a tool',
    { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    { name: 'bash', input: RUN.input },
  ],
  [
    'its schema asks for no object',
    'use a tool',
    { tools: [{ name: 'odd', input_schema: { type: 'array' } }] },
    { name: 'odd', input: {} },
  ],
  ['a result has come', result, { tools }, undefined],
  ['a result has come together with a wish', [...result, { type: 'text', text: 'use a tool' }], { tools }, undefined],
  ['any is forced', 'hello', { tools, tool_choice: { type: 'any' } }, RUN],
  ['any is forced and one is named', 'Read', { tools, tool_choice: { type: 'any' } }, OPEN],
  ['one is forced', 'Bash', { tools, tool_choice: { type: 'tool', name: 'Read' } }, OPEN],
  ['one is forced after a result', result, { tools, tool_choice: { type: 'tool', name: 'Read' } }, OPEN],
  ['tools are forbidden', 'Bash', { tools, tool_choice: { type: 'none' } }, undefined],
];

for (const [what, content, rest, expected] of cases) {
  test(`a tool when ${what}`, () => assert.deepEqual(call(content, rest), expected));
}

test('a forced tool that is not there is refused', () => {
  assert.throws(() => call('hello', { tools, tool_choice: { type: 'tool', name: 'Gone' } }), {
    status: 400,
    message: "tool_choice: Tool 'Gone' not found in provided tools",
  });
});
