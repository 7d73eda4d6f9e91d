import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Setting } from './config/kinds.js';
import { type Settings, settings, type ValueOf } from './config/settings.js';
import { availableCpus } from './cpus.js';
import { systemErrorCode } from './errors.js';
import { memoryLimitBytes } from './memory-limit.js';

/** Settings that may be unset; all others have a default. */
type Optional =
  | 'adminApiKey'
  | 'databaseUrl'
  | 'publicUrl'
  | 'redisUrl'
  | 'importFolder'
  | 'allowedSourceHosts'
  | 'alertWebhookUrl'
  | 'alertEmail'
  | 'smtpUrl'
  | 'mailTo';

/** The whole configuration, read once at the start and handed down. */
export type Config = Readonly<
  { [K in Exclude<keyof Settings, Optional>]: ValueOf<Settings[K]> } & {
    [K in Optional]: ValueOf<Settings[K]> | undefined;
  }
>;

/** Settings whose default depends on the machine. */
type Counted = 'resizeThreads' | 'workerMemoryMb';

const MIB = 1024 * 1024;

/** A variable that cannot be used: says its name, what it held and what it takes. Ends the start. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The name of a setting's environment variable: `maxUploadBytes` → `MAX_UPLOAD_BYTES`. */
function variableOf(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/**
 * Reads the configuration from the environment, and from a `.env` file in the current folder for
 * what the environment does not set.
 *
 * @throws ConfigError with a line for each variable that cannot be used
 */
export function loadConfig(
  environment: Readonly<NodeJS.ProcessEnv> = { ...dotenv(), ...process.env },
): Config {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries<Setting<unknown>>(settings)) {
    const variable = variableOf(key);
    // An empty variable is how shells and compose files say "unset".
    const given = environment[variable]?.trim() || setting.fallback;
    const value = given === undefined ? undefined : setting.parse(given);
    if (given !== undefined && value === undefined) {
      const shown = setting.isSecret ? 'not one' : JSON.stringify(given);
      faults.push(`${variable} is ${shown}; it takes ${setting.takes}.`);
    }
    values[key] = value;
  }
  if (values['role'] !== 'all' && !environment['DATABASE_URL']?.trim()) {
    faults.push(
      `DATABASE_URL is unset; ROLE=${values['role']} needs one, only ROLE=all brings its own database.`,
    );
  }
  if (values['auth'] === 'off' && values['role'] !== 'worker' && !isLoopback(values['host'])) {
    faults.push(
      `AUTH is "off" and HOST ${JSON.stringify(values['host'])}; without keys only a loopback address is listened on, such as 127.0.0.1.`,
    );
  }
  if (values['alertEmail'] !== undefined && values['smtpUrl'] === undefined) {
    faults.push('SMTP_URL is unset; ALERT_EMAIL needs a mail server.');
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // Each value came from its own setting's parser, key by key: the record is a Config.
  const config = values as Omit<Config, Counted> & Record<Counted, number | undefined>;
  return Object.freeze({
    ...config,
    dataDir: resolve(config.dataDir),
    resizeThreads: config.resizeThreads ?? Math.max(1, availableCpus() - 1),
    workerMemoryMb: config.workerMemoryMb ?? Math.max(1024, Math.floor((0.75 * memoryLimitBytes()) / MIB)),
  });
}

/** The environment for a process of ours: this one's, and what it needs beside it. */
export function childEnvironment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...more };
}

/** The README's configuration table: variable, default, what it takes, what it is for. */
export function configurationTable(): string {
  const rows = Object.entries<Setting<unknown>>(settings).map(
    ([key, { fallback, takes, about }]) =>
      `| \`${variableOf(key)}\` | ${fallback ?? '–'} | ${about} | ${takes} |`,
  );
  return ['| variable | default | what it is for | takes |', '|---|---|---|---|', ...rows].join('\n');
}

function dotenv(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync('.env', 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return {};
    throw new ConfigError(`.env cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** RFC 6890: 127.0.0.0/8 and ::1. A name other than localhost may lead anywhere. */
function isLoopback(host: unknown): boolean {
  return typeof host === 'string' && /^(localhost|::1|\[::1\]|127(\.\d{1,3}){3})$/i.test(host);
}
