#!/usr/bin/env node
import { boundYoungGeneration } from './cli/young-generation.ts';

// Before anything large is loaded, so the rest is imported only afterwards.
boundYoungGeneration();

// A reader that has seen enough (`tokens list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const { run } = await import('./cli/program.ts');
await run(process.argv.slice(2));
