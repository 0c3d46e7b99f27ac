#!/usr/bin/env node
import { run } from './cli/program.ts';

// A reader that has seen enough (`tokens list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await run(process.argv.slice(2));
