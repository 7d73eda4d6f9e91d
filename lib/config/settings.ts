import { address, flag, folder, integer, oneOf, proxies, type Setting, text, url } from './kinds.js';

const MIB = 1024 * 1024;
const DAY_SECONDS = 86_400;

/** Every setting, in the order of the README's table. The environment variable is the key in capitals. */
export const settings = {
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

/** What is set, by key. */
export type Settings = typeof settings;
/** What a setting's text becomes. */
export type ValueOf<S> = S extends Setting<infer T> ? T : never;
