import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import t from 'tap';
import { ConfigError, configurationTable, loadConfig } from '../../lib/config.js';

t.test('with nothing set everything has the documented default', async (t) => {
  const config = loadConfig({});
  t.match(config, {
    role: 'all',
    host: '127.0.0.1',
    port: 3000,
    dataDir: resolve('data'),
    databaseUrl: undefined,
    redisUrl: undefined,
    maxUploadBytes: 50 * 1024 * 1024,
    maxInputPixels: 100_000_000,
    maxInputFrames: 512,
    maxOutputPixels: 50_000_000,
    maxQueuedJobs: 10_000,
    maxWaitSeconds: 60,
    jobAttempts: 3,
    jobTimeoutSeconds: 60,
    rateLimitMax: 1200,
    rateLimitWindowSeconds: 60,
    rateLimitExpensiveMax: 120,
    trustProxy: false,
    logLevel: 'info',
  });
  t.ok(config.resizeThreads >= 1 && config.resizeThreads <= Math.max(1, availableParallelism() - 1));
});

t.test('an empty variable is an unset one, and blanks around a value do not count', async (t) => {
  t.match(loadConfig({ PORT: '', REDIS_URL: '  ', ROLE: ' all ', JOB_ATTEMPTS: ' 5 ' }), {
    port: 3000,
    redisUrl: undefined,
    role: 'all',
    jobAttempts: 5,
  });
});

t.test('values are read in their types', async (t) => {
  const url = 'postgres://user:password@host/name';
  t.match(
    loadConfig({ ROLE: 'worker', DATABASE_URL: url, PORT: '0', RATE_LIMIT_MAX: '0', RESIZE_THREADS: '7' }),
    {
      role: 'worker',
      databaseUrl: url,
      port: 0,
      rateLimitMax: 0,
      resizeThreads: 7,
    },
  );
  const proxies = { true: true, false: false, '2': 2, '10.0.0.0/8, ::1': '10.0.0.0/8, ::1' };
  for (const [text, value] of Object.entries(proxies)) {
    t.equal(loadConfig({ TRUST_PROXY: text }).trustProxy, value);
  }
});

t.test('a bad value ends the start: the error names the variable, the value and what it takes', async (t) => {
  const bad = {
    ROLE: ['everything', /one of all, api, worker/],
    PORT: ['65536', /whole number from 0 to 65535/],
    MAX_UPLOAD_BYTES: ['50MB', /whole number from 1 to \d+ \(bytes\)/],
    MAX_INPUT_PIXELS: ['-1', /whole number/],
    JOB_ATTEMPTS: ['0', /whole number from 1/],
    RESIZE_THREADS: ['1.5', /whole number from 1/],
    MAX_WAIT_SECONDS: ['1e2', /whole number/],
    DATABASE_URL: ['mysql://host/name', /postgres:\/\/ or postgresql:\/\//],
    REDIS_URL: ['localhost:6379', /redis:\/\/ or rediss:\/\//],
    TRUST_PROXY: ['yes', /true, false, a number of hops, or addresses/],
    LOG_LEVEL: ['loud', /one of fatal, error/],
  } as const;
  for (const [variable, [value, takes]] of Object.entries(bad)) {
    const error = failure({ [variable]: value });
    t.match(error, new RegExp(`^${variable} is ${JSON.stringify(value)}; it takes `), variable);
    t.match(error, takes, variable);
  }
});

t.test('all bad values are named at once', async (t) => {
  const error = failure({ PORT: 'x', LOG_LEVEL: 'y' });
  t.match(error, /^PORT is "x"/);
  t.match(error, /\nLOG_LEVEL is "y"/);
});

t.test('only the role all brings its own database', async (t) => {
  for (const role of ['api', 'worker'])
    t.match(failure({ ROLE: role }), /^DATABASE_URL is unset; .*ROLE=all/);
  t.match(failure({ ROLE: 'api', DATABASE_URL: '' }), /^DATABASE_URL is unset/, 'empty is unset');
});

t.test('the README’s table is the one that the settings make', async (t) => {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, table] = /<!-- configuration -->\n([\s\S]*?)\n<!-- \/configuration -->/.exec(readme) ?? [];
  t.equal(table?.trim(), configurationTable());
});

function failure(environment: Record<string, string>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  return 'no ConfigError was thrown';
}
