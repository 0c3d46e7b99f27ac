import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogSink } from './sink.ts';

const MODULE = JSON.stringify(new URL('./sink.ts', import.meta.url).href);

/** Runs lines of code with a sink on standard error whose reader has left. Milliseconds to its end. */
async function endsAfter(code: string): Promise<number> {
  const source = `const { LogSink } = await import(${MODULE}); const sink = new LogSink(2); ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stderr.destroy();
  child.stdin.end();
  await once(child.stdout, 'data');
  const ready = performance.now();
  const [status] = (await once(child, 'exit')) as [number];
  assert.equal(status, 7);
  return performance.now() - ready;
}

const FILL = `for (let i = 0; i < 2_000; i += 1) sink.write('x'.repeat(999) + '\\n'); console.log('ready');`;

test('P13 a log that nobody reads any more keeps no process from ending, in time or at once', async () => {
  assert.ok((await endsAfter(`${FILL} await sink.close(); process.exit(7);`)) < 5_000);
  assert.ok((await endsAfter(`${FILL} process.exit(7);`)) < 5_000);
});

test('every line is written once and in order, however many there are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'router-sink-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  const sink = new LogSink(fd);
  const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i} ${'é'.repeat(i % 50)}\n`);
  for (const [i, line] of lines.entries()) {
    sink.write(line);
    if (i % 500 === 0) await new Promise(setImmediate);
  }
  await sink.close();
  closeSync(fd);
  assert.equal(readFileSync(file, 'utf8'), lines.join(''));
  rmSync(folder, { recursive: true });
});
