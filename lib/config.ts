import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { availableCpus } from './cpus.js';
import { systemErrorCode } from './errors.js';

/** One setting: how its text becomes a value, and what the README says of it. */
interface Setting<T> {
  /** The text that stands for the default, or undefined where unset means "none". */
  readonly fallback: string | undefined;
  /** What it takes, as a bad value's message and the README say it. */
  readonly takes: string;
  readonly about: string;
  /** The value, or undefined where the text is not one. */
  parse(text: string): T | undefined;
}

const integer = (
  fallback: number | undefined,
  min: number,
  max: number,
  unit: string,
  about: string,
): Setting<number> => ({
  fallback: fallback?.toString(),
  takes: `a whole number from ${min} to ${max}${unit && ` (${unit})`}`,
  about,
  parse(text) {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  },
});

const oneOf = <const T extends string>(values: readonly T[], fallback: T, about: string): Setting<T> => ({
  fallback,
  takes: `one of ${values.join(', ')}`,
  about,
  parse: (text) => values.find((value) => value === text),
});

const url = (protocols: readonly string[], about: string): Setting<string> => ({
  fallback: undefined,
  takes: `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  about,
  parse: (text) => (URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : undefined),
});

const text = (fallback: string, takes: string, about: string): Setting<string> => ({
  fallback,
  takes,
  about,
  parse: (value) => value,
});

const flag = (fallback: boolean, about: string): Setting<boolean> => ({
  fallback: String(fallback),
  takes: 'true or false',
  about,
  parse: (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
});

/** `somebody@example.com`, or `A name <somebody@example.com>`. */
const address = (fallback: string | undefined, about: string): Setting<string> => ({
  fallback,
  takes: 'an e-mail address',
  about,
  parse: (value) => (/^[^\s@<>]+@[^\s@<>]+$|^[^<>@]*<[^\s@<>]+@[^\s@<>]+>$/.test(value) ? value : undefined),
});

const folder = (about: string): Setting<string> => ({
  fallback: undefined,
  takes: 'a folder',
  about,
  parse: (value) => resolve(value),
});

/** `false`, `true`, a number of hops, or a list of addresses: as Fastify's `trustProxy` takes it. */
const proxies: Setting<boolean | number | string> = {
  fallback: 'false',
  takes: 'true, false, a number of hops, or addresses and networks separated by commas',
  about: 'Whose `X-Forwarded-*` headers are believed',
  parse(value) {
    if (value === 'true' || value === 'false') return value === 'true';
    if (/^\d+$/.test(value)) return Number(value);
    return /^[\da-fA-F.:/]+(\s*,\s*[\da-fA-F.:/]+)*$/.test(value) ? value : undefined;
  },
};

const MIB = 1024 * 1024;
const DAY_SECONDS = 86_400;

/** Every setting, in the order of the README's table. The environment variable is the key in capitals. */
const settings = {
  role: oneOf(['all', 'api', 'worker'], 'all', 'What this process runs: everything, the API, or the worker'),
  host: text('127.0.0.1', 'a host name or address', 'Address to listen on'),
  port: integer(3000, 0, 65_535, '0 = any free one', 'Port to listen on'),
  dataDir: text('./data', 'a folder', 'Where files (and the embedded database) live'),
  databaseUrl: url(
    ['postgres:', 'postgresql:'],
    'PostgreSQL; unset: an embedded one under `DATA_DIR` (role `all` only)',
  ),
  databasePoolSize: integer(10, 2, 500, 'connections a process', 'Size of the connection pool'),
  statementTimeoutMs: integer(1500, 100, 600_000, 'ms', 'Longest a query of a request may take'),
  slowQueryMs: integer(1000, 1, 600_000, 'ms', 'Queries slower than this are logged by name'),
  redisUrl: url(
    ['redis:', 'rediss:'],
    'Redis or Valkey for queue and rate limits; unset: the queue lives in PostgreSQL, limits in memory',
  ),
  resizeThreads: integer(
    undefined,
    1,
    256,
    'threads',
    'Resize threads; unset: available CPUs − 1, at least 1',
  ),
  maxUploadBytes: integer(50 * MIB, 1, 10 * 1024 * MIB, 'bytes', 'Largest upload'),
  maxImportBytes: integer(1024 * MIB, 1, 100 * 1024 * MIB, 'bytes', 'Largest CSV of an import'),
  importFolder: folder(
    'Folder whose files the rows of an import may name by `path`; unset: paths are refused',
  ),
  uploadTimeoutSeconds: integer(300, 1, 86_400, 'seconds', 'Longest a request may take to arrive'),
  maxInputPixels: integer(
    100_000_000,
    1,
    4_000_000_000,
    'pixels, width × height × frames',
    'Largest image that is accepted',
  ),
  maxOutputPixels: integer(
    50_000_000,
    1,
    1_000_000_000,
    'pixels, width × height × frames',
    'Largest rendition',
  ),
  maxQueuedJobs: integer(10_000, 1, 10_000_000, 'jobs', 'Backlog at which new work is answered 503'),
  maxWaitSeconds: integer(60, 0, 600, 'seconds', 'Cap of `Prefer: wait`'),
  jobAttempts: integer(3, 1, 100, 'attempts', 'Tries of a job before it fails for good'),
  jobTimeoutSeconds: integer(60, 1, 3600, 'seconds', 'Longest one attempt of a job may take'),
  exportTimeoutSeconds: integer(3600, 1, DAY_SECONDS, 'seconds', 'Longest one attempt of an export may take'),
  maxExportStreams: integer(
    32,
    1,
    1000,
    'streams a process',
    'Streamed exports at a time; each holds a connection of PostgreSQL',
  ),
  exportTtlHours: integer(72, 1, 87_600, 'hours', 'How long the file of an export is kept'),
  eventTtlMinutes: integer(
    60,
    1,
    10_080,
    'minutes',
    'How long events are kept for those who come back with `Last-Event-ID`',
  ),
  maxEventStreams: integer(4000, 1, 100_000, 'streams a process', 'Open streams of events at a time'),
  jobLockSeconds: integer(
    10,
    1,
    600,
    'seconds',
    'How long a job stays with a worker that died before another takes it',
  ),
  retentionDays: integer(0, 0, 36_500, 'days; 0 = for ever', 'How long jobs that have ended are kept'),
  maintenanceSeconds: integer(30, 1, DAY_SECONDS, 'seconds', 'Interval of the maintenance job'),
  rateLimitMax: integer(1200, 0, 10_000_000, 'requests a client and window; 0 = off', 'General rate limit'),
  rateLimitWindowSeconds: integer(60, 1, DAY_SECONDS, 'seconds', 'Window of the rate limits'),
  rateLimitExpensiveMax: integer(
    120,
    0,
    10_000_000,
    'requests a client and window; 0 = off',
    'Rate limit of uploads, renditions and exports',
  ),
  trustProxy: proxies,
  smtpUrl: url(['smtp:', 'smtps:'], 'Mail server, with user and password; unset: no e-mail is sent'),
  mailFrom: address('Halftone <halftone@localhost>', 'Sender of e-mail'),
  mailTo: address(
    undefined,
    'The operator, who is told when a webhook was switched off; unset: only the log is',
  ),
  allowPrivateHosts: flag(
    false,
    'Whether URLs of clients may lead to private addresses and other ports than 80 and 443',
  ),
  webhookTimeoutSeconds: integer(15, 1, 120, 'seconds', 'Longest a webhook may take to answer'),
  shutdownSeconds: integer(30, 1, 3600, 'seconds', 'Longest an orderly shutdown may take'),
  alertIntervalSeconds: integer(10, 0, 3600, 'seconds; 0 = off', 'How often alarms are looked for'),
  alertHoldSeconds: integer(
    60,
    0,
    3600,
    'seconds',
    'How long a state must last before an alarm, or its end, is told',
  ),
  alertCooldownSeconds: integer(
    600,
    0,
    DAY_SECONDS,
    'seconds',
    'Shortest time between two alarms of one kind',
  ),
  alertWebhookUrl: url(['http:', 'https:'], 'Where alarms are posted, beside the log'),
  alertEmail: address(undefined, 'Where alarms are mailed, beside the log; needs `SMTP_URL`'),
  alertJobSeconds: integer(30, 1, DAY_SECONDS, 'seconds', 'Alarm when a job runs for longer'),
  alertBacklogJobs: integer(
    1000,
    1,
    10_000_000,
    'jobs',
    'Alarm when more jobs of a type wait, and they grow',
  ),
  alertBacklogSeconds: integer(
    300,
    1,
    DAY_SECONDS,
    'seconds',
    'Alarm when a job waits for longer, and none comes',
  ),
  alertMemoryPercent: integer(
    80,
    1,
    100,
    'per cent of what the container or machine has',
    'Alarm when more memory is used',
  ),
  alertLoopDelayMs: integer(100, 1, 60_000, 'ms', 'Alarm when an event loop is later (p99)'),
  alertErrorPercent: integer(1, 0, 100, 'per cent of the requests', 'Alarm when more are answered with 5xx'),
  alertP95Ms: integer(
    200,
    1,
    60_000,
    'ms',
    'Alarm when the p95 of requests is slower, files and waits apart',
  ),
  adminUi: flag(false, 'Whether `/admin/queues` shows what lies in the queues, to whoever reaches the port'),
  logLevel: oneOf(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
    'Least severe level that is logged',
  ),
  workerNice: integer(5, 0, 19, 'nice value', 'How far the worker process stands behind the API for the CPU'),
} satisfies Record<string, Setting<unknown>>;

type Settings = typeof settings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** Settings that may be unset; all others have a default. */
type Optional =
  | 'databaseUrl'
  | 'redisUrl'
  | 'importFolder'
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
      faults.push(`${variable} is ${JSON.stringify(given)}; it takes ${setting.takes}.`);
    }
    values[key] = value;
  }
  if (values['role'] !== 'all' && !environment['DATABASE_URL']?.trim()) {
    faults.push(
      `DATABASE_URL is unset; ROLE=${values['role']} needs one, only ROLE=all brings its own database.`,
    );
  }
  if (values['alertEmail'] !== undefined && values['smtpUrl'] === undefined) {
    faults.push('SMTP_URL is unset; ALERT_EMAIL needs a mail server.');
  }
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // Each value came from its own setting's parser, key by key: the record is a Config.
  const config = values as Omit<Config, 'resizeThreads'> & { resizeThreads: number | undefined };
  return Object.freeze({
    ...config,
    dataDir: resolve(config.dataDir),
    resizeThreads: config.resizeThreads ?? Math.max(1, availableCpus() - 1),
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
