import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultBed, inBandError } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';

test('U6 a chunked stream that is cut ends in an error of the dialect and never cleanly', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut', 'cut&how=rst', 'early-end']) {
    await storm(t, bed, fault, {
      reusable: fault === 'early-end',
      check: ({ answer, row }) => {
        assert.equal(answer.status, 200);
        assert.equal(answer.end, 'cut');
        assert.equal(inBandError(answer.body), 'api_error');
        assert.equal(row.ended, 'upstream_cut');
      },
    });
  }
});
