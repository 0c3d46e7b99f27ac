import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pressure } from './pressure.ts';

const LIMITS = { lagMs: 100, heapShare: 0.85 };

test('a few slow turns of the event loop in a row are overload, one pause is not', () => {
  const pressure = new Pressure(LIMITS);
  pressure.sampleLag(390);
  assert.equal(pressure.strain, undefined);
  for (let i = 0; i < 20; i += 1) pressure.sampleLag(0);
  for (let i = 0; i < 5; i += 1) pressure.sampleLag(150);
  assert.equal(pressure.strain, 'event_loop');
});

test('new work waits until the delay is back at half the limit', () => {
  const pressure = new Pressure(LIMITS);
  for (let i = 0; i < 50; i += 1) pressure.sampleLag(200);
  for (let i = 0; i < 50; i += 1) pressure.sampleLag(60);
  assert.equal(pressure.strain, 'event_loop');
  for (let i = 0; i < 50; i += 1) pressure.sampleLag(40);
  assert.equal(pressure.strain, undefined);
  for (let i = 0; i < 50; i += 1) pressure.sampleLag(60);
  assert.equal(pressure.strain, undefined);
});

test('P12 a heap past its share is strain until some of it is free again', () => {
  const pressure = new Pressure(LIMITS);
  pressure.sampleHeap(0.85);
  assert.equal(pressure.strain, undefined);
  pressure.sampleHeap(0.86);
  assert.equal(pressure.strain, 'heap');
  pressure.sampleHeap(0.82);
  assert.equal(pressure.strain, 'heap');
  pressure.sampleHeap(0.8);
  assert.equal(pressure.strain, undefined);
});
