import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.js';
import type { Figure } from './report.js';
import { startService } from './service.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TARGETS = { first: 10, again: 3 } as const;

/**
 * From nothing to the first 200, and once more on the data of the first: what `npm start` does, which
 * is to build, where something is new, and to start. The first build goes to a folder of its own.
 */
export async function measureStart(folder: string, { rounds }: Options): Promise<Figure[]> {
  const figures: Figure[] = [];
  const seconds = { first: new Starts(), again: new Starts() };
  for (let round = 0; round < rounds; round++) {
    const own = join(folder, `start-${round}`);
    for (const turn of ['first', 'again'] as const) {
      const build = turn === 'first' ? await buildSeconds(join(own, 'dist')) : await checkSeconds();
      const service = await startService(own, 'postgres');
      await service.stop();
      seconds[turn].add(build, service.startMs.healthz / 1000, service.startMs.readyz / 1000);
    }
  }
  for (const turn of ['first', 'again'] as const) {
    const figure = (what: string, values: readonly number[]): Figure => ({
      part: 'start',
      what: `${turn === 'first' ? 'first time' : 'again'}: ${what}`,
      unit: 's',
      rounds: values,
    });
    const { build, healthz, readyz } = seconds[turn];
    const whole = build.map((value, round) => value + (healthz[round] ?? Number.NaN));
    figures.push(
      figure('build', build),
      figure('start to /healthz', healthz),
      figure('start to /readyz', readyz),
      { ...figure('build and start to /healthz', whole), target: { most: TARGETS[turn] } },
    );
  }
  return figures;
}

class Starts {
  readonly build: number[] = [];
  readonly healthz: number[] = [];
  readonly readyz: number[] = [];

  add(build: number, healthz: number, readyz: number): void {
    this.build.push(build);
    this.healthz.push(healthz);
    this.readyz.push(readyz);
  }
}

/** What `npm start` does when nothing is new: this very build is what it looks at. */
function checkSeconds(): Promise<number> {
  return secondsOf('sh', [join(ROOT, 'scripts/build.sh'), '--if-stale']);
}

function buildSeconds(outDir: string): Promise<number> {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin/tsc',
  );
  const buildInfo = ['--tsBuildInfoFile', join(outDir, '.tsbuildinfo')];
  return secondsOf(process.execPath, [compiler, '--project', ROOT, '--outDir', outDir, ...buildInfo]);
}

async function secondsOf(command: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(command, args, { cwd: ROOT, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the build failed with exit code ${code}`);
  return (performance.now() - started) / 1000;
}
