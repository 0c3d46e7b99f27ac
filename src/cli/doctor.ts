import type { Command } from 'commander';
import type { Config } from '../config/schema.ts';
import { warningsOf } from '../config/warnings.ts';
import { ConfigError } from '../errors.ts';
import { checkAccounts } from './checks/accounts.ts';
import { checkDataDir, checkSecret, checkStore } from './checks/data.ts';
import { broken, type Finding, warn } from './checks/finding.ts';
import { checkNode, checkPort } from './checks/process.ts';
import { checkUpstream } from './checks/upstream.ts';
import { EXIT_FAILED } from './failure.ts';
import { oneLine, print, printJson } from './output.ts';
import type { Settings } from './settings.ts';
import { readVersion } from './version.ts';

export function addDoctorCommand(program: Command, settings: Settings): void {
  program
    .command('doctor')
    .description(
      'Look for what is wrong and say how to mend it. Changes nothing; exit code 1 when something is broken.',
    )
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }) => {
      const report = await examine(settings);
      if (json) printJson(report);
      else printReport(report);
      if (report.findings.some(({ status }) => status === 'broken')) process.exitCode = EXIT_FAILED;
    });
}

interface Report {
  readonly version: string;
  /** Settings as 0.17.0 named them. Holds no secret. */
  readonly settings: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
}

async function examine(settings: Settings): Promise<Report> {
  const version = readVersion();
  let config: Config;
  try {
    config = settings.config();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return {
      version,
      settings: {},
      findings: [broken('settings', error.message, 'give it one of the accepted values')],
    };
  }
  const findings = [
    checkNode(process.versions.node),
    ...checkDataDir(config),
    ...checkSecret(config),
    ...(await checkStore(config)),
    ...(await checkAccounts(config)),
    await checkUpstream(config),
    await checkPort(config),
    ...warningsOf(config).map((sentence) => warn('settings', sentence)),
  ];
  return { version, settings: summarise(config), findings };
}

function summarise(config: Config): Record<string, string> {
  return {
    listen_addr: addressOf(config.host, config.port),
    admin_addr: config.adminPort === undefined ? '<main listener>' : addressOf(config.adminHost, config.adminPort),
    upstream_base_url: config.upstreamBaseUrl,
    upstream_provider: config.upstreamProvider,
    claude_code_home: config.claudeCodeHome,
    storage_policy: config.storagePolicy,
    data_dir: config.dataDir,
    enable_anthropic_api: String(!config.disableAnthropicApi),
    enable_metrics: String(!config.disableMetrics),
    admin_key: config.adminKey === undefined ? '<unset>' : 'set',
  };
}

function addressOf(host = '127.0.0.1', port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function printReport({ version, settings, findings }: Report): void {
  print(`link-assistant-router ${version}`);
  for (const [name, value] of Object.entries(settings)) print(`${name.padEnd(23)}: ${oneLine(value)}`);
  print('');
  for (const { check, status, detail, mend } of findings) {
    print(`${status.padEnd(6)}  ${check.padEnd(16)}  ${oneLine(detail)}`);
    if (mend !== undefined) print(`${''.padEnd(6)}  ${''.padEnd(16)}  to mend it: ${oneLine(mend)}`);
  }
}
