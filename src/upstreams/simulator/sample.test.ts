import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleOf } from './sample.ts';

const text = { type: 'string' };

const cases: readonly [what: string, schema: unknown, value: unknown][] = [
  ['no schema', undefined, 'simulated'],
  ['an empty object', { type: 'object' }, {}],
  [
    'required properties only',
    { type: 'object', properties: { a: text, b: text }, required: ['b'] },
    { b: 'simulated' },
  ],
  ['a required property without a schema', { type: 'object', required: ['a'] }, { a: 'simulated' }],
  ['a name of Object.prototype', { required: ['toString'], properties: {} }, { toString: 'simulated' }],
  ['a shell command', { properties: { command: text }, required: ['command'] }, { command: 'echo simulated' }],
  ['a command that is no text', { properties: { command: { type: 'array' } }, required: ['command'] }, { command: [] }],
  ['the first of an enum', { enum: ['x', 'y'] }, 'x'],
  ['a constant', { const: 7 }, 7],
  ['an integer', { type: 'integer' }, 1],
  ['an integer from a minimum', { type: 'integer', minimum: 5 }, 5],
  ['an integer above an excluded minimum', { type: 'integer', exclusiveMinimum: 5 }, 6],
  ['an integer below an excluded maximum', { type: 'integer', exclusiveMaximum: -2 }, -3],
  ['an integer that is a multiple', { type: 'integer', minimum: 7, multipleOf: 5 }, 10],
  ['a number between bounds', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, 0.5],
  ['a boolean', { type: 'boolean' }, false],
  ['null', { type: 'null' }, null],
  ['a type that may be null', { type: ['null', 'integer'] }, 1],
  ['an array', { type: 'array', items: text }, []],
  ['an array with a minimum', { type: 'array', items: text, minItems: 2 }, ['simulated', 'simulated']],
  ['a tuple', { minItems: 2, prefixItems: [{ type: 'integer' }], items: { type: 'boolean' } }, [1, false]],
  ['a text of a minimal length', { type: 'string', minLength: 11 }, 'simulated..'],
  ['a text of a maximal length', { type: 'string', maxLength: 3 }, 'sim'],
  ['a format', { type: 'string', format: 'date' }, '2026-01-01'],
  ['a choice that is not null', { anyOf: [{ type: 'null' }, { type: 'integer' }] }, 1],
  [
    'a choice of required properties',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: text },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    { a: 1 },
  ],
  [
    'parts',
    {
      allOf: [
        { properties: { a: { type: 'integer' } }, required: ['a'] },
        { properties: { b: { type: 'boolean' } }, required: ['b'] },
      ],
    },
    { a: 1, b: false },
  ],
  [
    'a reference',
    { $defs: { 'a/b': { type: 'integer' } }, properties: { n: { $ref: '#/$defs/a~1b' } }, required: ['n'] },
    { n: 1 },
  ],
  ['a reference to nothing', { $ref: '#/$defs/none' }, 'simulated'],
  ['a reference elsewhere', { $ref: 'https://example.com/schema' }, 'simulated'],
];

for (const [what, schema, value] of cases) {
  test(`a sample of ${what}`, () => assert.deepEqual(sampleOf(schema), value));
}

test('a schema that refers to itself ends in null', () => {
  assert.match(JSON.stringify(sampleOf({ required: ['a'], properties: { a: { $ref: '#' } } })), /^(\{"a":)+null\}+$/);
});

test('a schema that multiplies stays small', () => {
  const wide = { type: 'array', minItems: 1e9, items: { $ref: '#' } };
  assert.ok(JSON.stringify(sampleOf(wide)).length < 100_000);
});
