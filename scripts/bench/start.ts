import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.js';
import type { Figure } from './report.js';
import { startService } from './service.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TARGETS = { first: 10, again: 3 } as const;

/**
 * From nothing to the first 200, and once more on the data of the first: what `npm start` does, which
 * is to bundle, where something is new, and to start.
 */
export async function measureStart(folder: string, { rounds }: Options): Promise<Figure[]> {
  const figures: Figure[] = [];
  const seconds = { first: new Starts(), again: new Starts() };
  for (let round = 0; round < rounds; round++) {
    const own = join(folder, `start-${round}`);
    for (const turn of ['first', 'again'] as const) {
      const build = await bundleSeconds(turn);
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

/** What `npm start` does before it starts; nothing is new the second time. */
function bundleSeconds(turn: 'first' | 'again'): Promise<number> {
  return secondsOf('sh', [join(ROOT, 'scripts/bundle.sh'), ...(turn === 'again' ? ['--if-stale'] : [])]);
}

async function secondsOf(command: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(command, args, { cwd: ROOT, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the build failed with exit code ${code}`);
  return (performance.now() - started) / 1000;
}
