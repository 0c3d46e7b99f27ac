/** What an operator types to start this command line: a checkout has no bin. */
export const COMMAND_NAME = import.meta.filename.endsWith('.ts') ? 'npm run router --' : 'link-assistant-router';
