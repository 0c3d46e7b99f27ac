export { type AccountStatus, type RunningRouter, type StartOptions, startRouter } from './app.ts';
export { parseConfig } from './config/load.ts';
export type { Config } from './config/schema.ts';
export { ConfigError, RouterError } from './errors.ts';
