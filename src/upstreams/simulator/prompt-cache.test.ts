import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countInput, PromptCache } from './prompt-cache.ts';
import { readRequest } from './request.ts';

const CACHED = { cache_control: { type: 'ephemeral' } };
const CACHED_1H = { cache_control: { type: 'ephemeral', ttl: '1h' } };

const text = (value: string, rest: object = {}) => ({ type: 'text', text: value, ...rest });
const filler = (count: number) => Array.from({ length: count }, (_, i) => text(`block ${i}`));
const request = (body: object, ...content: object[]) =>
  readRequest(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], ...body })), {
    counting: true,
  });

function cacheAt(start = 0) {
  const clock = { ms: start };
  return { clock, cache: new PromptCache(() => clock.ms) };
}

test('input is about four bytes a token, and the same whether or not it is cached', () => {
  const plain = request({}, text('x'.repeat(4000)));
  assert.ok(Math.abs(countInput(plain) - 1000) < 20);
  assert.equal(countInput(request({}, text('x'.repeat(4000), CACHED))), countInput(plain));
});

test('a plain text counts as one block of text', () => {
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }], system: 'be brief' };
  const plain = readRequest(Buffer.from(JSON.stringify(body)), { counting: true });
  assert.equal(countInput(plain), countInput(request({ system: [text('be brief')] }, text('hi'))));
});

test('a picture does not count by its bytes', () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(1_000_000) } };
  assert.equal(countInput(request({}, image)), 1_600);
});

test('without cache_control all input is fresh, each time', () => {
  const { cache } = cacheAt();
  const plain = request({}, text('hello'));
  for (let i = 0; i < 2; i += 1) {
    assert.deepEqual(cache.charge(plain), { fresh: countInput(plain), read: 0, write5m: 0, write1h: 0 });
  }
});

test('a prefix is written once, then read', () => {
  const { cache } = cacheAt();
  const asked = request({ system: [text('long instructions', CACHED)] }, text('question'));
  const first = cache.charge(asked);
  assert.ok(first.write5m > 0 && first.read === 0 && first.fresh > 0);
  assert.equal(first.write5m + first.fresh, countInput(asked));
  assert.deepEqual(cache.charge(asked), { fresh: first.fresh, read: first.write5m, write5m: 0, write1h: 0 });
});

test('a conversation that grows reads what it wrote, although the breakpoint moved on', () => {
  const { cache } = cacheAt();
  const { write5m: written } = cache.charge(request({}, text('one', CACHED)));
  const next = cache.charge(request({}, text('one'), text('two', CACHED)));
  assert.equal(next.read, written);
  assert.ok(next.write5m > 0 && next.fresh === 0);
});

test('a changed prefix or another model reads nothing', () => {
  const { cache } = cacheAt();
  cache.charge(request({ system: [text('a')] }, text('one', CACHED)));
  assert.equal(cache.charge(request({ system: [text('b')] }, text('one', CACHED))).read, 0);
  assert.equal(cache.charge(request({ model: 'n', system: [text('a')] }, text('one', CACHED))).read, 0);
});

test('a breakpoint is looked for at most twenty blocks back', () => {
  for (const [between, found] of [
    [19, true],
    [20, false],
  ] as const) {
    const { cache } = cacheAt();
    cache.charge(request({}, text('one', CACHED)));
    const { read } = cache.charge(request({}, text('one'), ...filler(between - 1), text('last', CACHED)));
    assert.equal(read > 0, found, `${between} blocks later`);
  }
});

test('a prefix lives for five minutes or an hour after its last use', () => {
  for (const [control, lifeMs] of [
    [CACHED, 300_000],
    [CACHED_1H, 3_600_000],
  ] as const) {
    const { cache, clock } = cacheAt(1_000);
    const asked = request({}, text('one', control));
    const { write5m, write1h } = cache.charge(asked);
    assert.deepEqual([write5m > 0, write1h > 0], [lifeMs === 300_000, lifeMs === 3_600_000]);
    for (let use = 0; use < 2; use += 1) {
      clock.ms += lifeMs - 1;
      assert.ok(cache.charge(asked).read > 0);
    }
    clock.ms += lifeMs;
    assert.equal(cache.charge(asked).read, 0);
  }
});

test('the two lives are counted apart', () => {
  const { cache } = cacheAt();
  const asked = request({ system: [text('instructions', CACHED_1H)] }, text('question', CACHED));
  const { write5m, write1h, fresh } = cache.charge(asked);
  assert.ok(write5m > 0 && write1h > 0 && fresh === 0);
  assert.equal(write5m + write1h, countInput(asked));
});

test('cache_control of the request stands for a breakpoint at its last block', () => {
  const { cache } = cacheAt();
  const asked = request(CACHED, text('one'), text('two'));
  assert.equal(cache.charge(asked).write5m, countInput(asked));
  assert.equal(cache.charge(asked).read, countInput(asked));
});

test('the oldest prefixes are forgotten when there are too many', () => {
  const { cache } = cacheAt();
  for (let i = 0; i <= 4_096; i += 1) cache.charge(request({}, text(`prompt ${i}`, CACHED)));
  assert.equal(cache.charge(request({}, text('prompt 0', CACHED))).read, 0);
  assert.ok(cache.charge(request({}, text('prompt 4096', CACHED))).read > 0);
});
