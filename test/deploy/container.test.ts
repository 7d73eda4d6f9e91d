import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DCLinter } from 'dclint';
import { validate } from 'dockerfile-utils';
import t from 'tap';
import { parse } from 'yaml';
import { settings } from '../../lib/config/settings.js';

interface ComposeService {
  readonly image?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly healthcheck?: object;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly deploy?: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
}

interface LintResult {
  readonly messages: readonly { readonly line: number; readonly message: string }[];
}

// From dist/test/deploy.
const root = new URL('../../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');

const dockerfile = await read('Dockerfile');
/** Keyword and arguments of each instruction, continued lines joined. */
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1).trim()] as const);
const composeFile = await read('compose.yaml');
const { services }: { services: Record<string, ComposeService> } = parse(composeFile, { merge: true });
const ours = ['api', 'worker'];

/** The variables that the service reads. */
const variables = Object.keys(settings).map((key) =>
  key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
);

t.test('the Dockerfile passes its linter', async (t) => {
  t.same(validate(dockerfile), []);
});

t.test(
  'the image is built from pinned parts, runs as nobody in particular, and says how it is',
  async (t) => {
    const all = (wanted: string) => instructions.filter(([name]) => name === wanted).map(([, rest]) => rest);
    const last = (wanted: string): string | undefined => all(wanted).at(-1);
    const stages = new Set<string>();
    for (const [image = '', , stage = ''] of all('FROM').map((from) => from.split(' '))) {
      t.ok(
        stages.has(image) || /^node:20\.\d+\.\d+-bookworm-slim$/.test(image),
        `${image} is one version of Node`,
      );
      stages.add(stage);
    }
    t.equal(last('USER'), 'node');
    t.equal(last('STOPSIGNAL'), 'SIGTERM');
    t.equal(last('VOLUME'), '/data');
    t.match(last('HEALTHCHECK'), 'healthz');
    t.match(last('CMD'), 'bundle/server.js');
    for (const line of dockerfile.match(/npm (?:ci|prune).*/g) ?? []) t.match(line, '--ignore-scripts');
    for (const [, name] of dockerfile.matchAll(/^(?:ENV| {4})\s*([A-Z_]+)=/gm))
      t.ok(['NODE_ENV', 'LD_PRELOAD', ...variables].includes(name ?? ''), `${name} is a variable we know`);
  },
);

t.test('what the build copies is let through by .dockerignore, and nothing that is secret', async (t) => {
  const lines = (await read('.dockerignore')).split('\n').filter((line) => line && !line.startsWith('#'));
  t.equal(lines[0], '*', 'everything is left out that is not named');
  const named = lines.slice(1).map((line) => line.slice(1));
  for (const line of lines.slice(1)) t.match(line, /^!/);
  for (const file of ['package.json', 'package-lock.json', '.npmrc', 'server.ts', 'migrations', 'lib'])
    t.ok(named.includes(file), file);
  for (const secret of ['.env', 'data', '.git', 'node_modules']) t.notOk(named.includes(secret), secret);
});

t.test('compose.yaml passes its linter, and the schema of the Compose specification', async (t) => {
  const config = parse(await read('.dclintrc.yaml'));
  const linter = new DCLinter({ quiet: false, debug: false, exclude: [], ...config });
  const results: readonly LintResult[] = linter.lintFiles(
    [fileURLToPath(new URL('compose.yaml', root))],
    false,
  );
  t.equal(results.length, 1);
  t.same(
    results.flatMap(({ messages }) => messages.map(({ line, message }) => `${line}: ${message}`)),
    [],
  );
});

t.test('every container has only what it needs', async (t) => {
  t.same(Object.keys(services).sort(), ['api', 'postgres', 'redis', 'worker']);
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.read_only, true, `${name}: the root is read-only`);
    t.same(service.cap_drop, ['ALL'], `${name}: no capabilities`);
    t.same(service.security_opt, ['no-new-privileges:true'], name);
    t.same(Object.keys(service.deploy?.resources.limits ?? {}).sort(), ['cpus', 'memory', 'pids'], name);
    if (ours.includes(name)) continue;
    t.ok(service.healthcheck, `${name}: somebody waits for it`);
    t.match(service.image, /^[a-z]+:\d+\.\d+(\.\d+)?-bookworm$/, `${name}: a version`);
    t.match(service.user, /^(postgres|redis)$/, `${name}: not root`);
  }
  for (const name of ours) {
    for (const variable of Object.keys(services[name]?.environment ?? {}))
      t.ok(variables.includes(variable), `${variable} is a setting`);
    const grace = Number.parseInt(services[name]?.stop_grace_period ?? '', 10);
    t.ok(grace > Number(settings.shutdownSeconds.fallback), `${name} is given the time to end`);
  }
  for (const port of Object.values(services).flatMap(({ ports = [] }) => ports))
    t.match(port, /^127\.0\.0\.1:/, 'nothing is open to the world');
  t.match(composeFile, '--maxmemory-policy noeviction');
  t.notMatch(
    composeFile.replaceAll(/\$\{\w+:[-?][^}]*\}/g, ''),
    /PASSWORD: "?\w/,
    'no secret is written down',
  );
});
