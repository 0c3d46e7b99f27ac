import { Command } from 'commander';
import { addAccountsCommands } from './accounts.ts';
import { addDemoCommand } from './demo.ts';
import { addDoctorCommand } from './doctor.ts';
import { EXIT_FAILED, failureOf } from './failure.ts';
import { printError } from './output.ts';
import { addServeCommand } from './serve.ts';
import { addSettings, expandBooleans, type Settings } from './settings.ts';
import { addTokensCommands } from './tokens.ts';
import { readVersion } from './version.ts';

const SETTINGS_HELP = `Every setting may stand before or after the command. Of flag, environment, .lenv and .env the first one wins.
A switch takes --flag, --no-flag or --flag=1/0, true/false, yes/no, on/off.`;
const COMMAND_HELP = 'All settings of link-assistant-router --help may stand here as well.';

/** The whole command line: what `--help` and the reference page are printed from. */
export function createProgram(): { program: Command; settings: Settings } {
  const program = new Command('link-assistant-router')
    .description("A gateway that shares one operator's LLM credentials through expiring, revocable tokens.")
    .usage('[command] [settings]')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showSuggestionAfterError()
    .exitOverride();
  const settings = addSettings(program);
  addServeCommand(program, settings);
  addDemoCommand(program, settings);
  addTokensCommands(program, settings);
  addAccountsCommands(program, settings);
  addDoctorCommand(program, settings);
  program.addHelpText('afterAll', ({ command }) => `\n${command === program ? SETTINGS_HELP : COMMAND_HELP}`);
  return { program, settings };
}

/**
 * Runs one command line. The exit code is in `process.exitCode`: 0 well, 1 failed, 2 wrong use, 78 a data folder that must
 * not be used.
 */
export async function run(argv: readonly string[]): Promise<void> {
  const { program, settings } = createProgram();
  try {
    await program.parseAsync(expandBooleans(argv), { from: 'user' });
  } catch (error) {
    const { exitCode, message } = failureOf(error);
    process.exitCode = exitCode;
    if (message === undefined) return;
    printError(`error: ${message}`);
    if (exitCode === EXIT_FAILED && isVerbose(settings)) printError(stackOf(error));
  }
}

function isVerbose(settings: Settings): boolean {
  try {
    return settings.config().verbose;
  } catch {
    return false;
  }
}

function stackOf(error: unknown): string {
  return (error instanceof Error && error.stack) || String(error);
}
