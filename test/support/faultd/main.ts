/**
 * The fake upstream as a process of its own: `node test/support/faultd/main.ts [--port N] [--seed N] [--fault NAME] [--ledger FILE]`.
 * Prints `faultd http://127.0.0.1:PORT` when it listens. Each finished request is a line of JSON in the file. Ends at SIGTERM.
 */
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { Faultd } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', default: 'good' },
    ledger: { type: 'string' },
  },
});

const file = values.ledger === undefined ? undefined : createWriteStream(values.ledger, { flags: 'a' });
const faultd = new Faultd({
  port: Number(values.port),
  seed: Number(values.seed),
  fault: values.fault,
  onEntry: (entry) => void file?.write(`${JSON.stringify(entry)}\n`),
});
await faultd.listen();
console.log(`faultd ${faultd.url}`);
process.once('SIGTERM', () => {
  void faultd.close().then(
    () => file?.end(),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      file?.end();
    },
  );
});
