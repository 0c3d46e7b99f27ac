import type { Fault } from '../fault.ts';
import { bulkFaults } from './bulk.ts';
import { cutFaults } from './cut.ts';
import { framingFaults } from './framing.ts';
import { goodAnswers } from './good.ts';
import { headerFaults } from './headers.ts';
import { silenceFaults } from './silence.ts';
import { sseFaults } from './sse.ts';
import { statusFaults } from './status.ts';
import { uploadFaults } from './upload.ts';

/** All faults by name. Each file says what its parameters are. */
export const faults: Readonly<Record<string, Fault>> = {
  ...goodAnswers,
  ...silenceFaults,
  ...cutFaults,
  ...statusFaults,
  ...sseFaults,
  ...framingFaults,
  ...headerFaults,
  ...bulkFaults,
  ...uploadFaults,
};
