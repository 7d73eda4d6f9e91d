import { join } from 'node:path';
import { formatToken, newToken } from '../../lib/keys/token.js';
import { type LoadTarget, load } from './load.js';
import type { Options } from './options.js';
import type { Photograph } from './photographs.js';
import { cpuMs } from './processes.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { photoAt, upload } from './upload.js';

const CONNECTIONS = 32;
const WAIT_SECONDS = 60;
const LEAST = 0.85;

/** A service, and the poll of a finished job there. */
interface Side {
  readonly service: Service;
  readonly poll: LoadTarget;
  readonly rates: number[];
  readonly cpuMicroseconds: number[];
}

/** Job polling with keys and rate limits against the same without either, in alternation. */
export async function measureKeys(
  photos: readonly Photograph[],
  folder: string,
  options: Options,
): Promise<Figure[]> {
  const token = formatToken(newToken());
  const headers = { authorization: `Bearer ${token}` };
  const sides: Side[] = [];
  try {
    sides.push(await sideOf(join(folder, 'keys-off'), { AUTH: 'off', RATE_LIMIT_MAX: '0' }, {}, photos));
    sides.push(await sideOf(join(folder, 'keys-on'), { AUTH: 'on', ADMIN_API_KEY: token }, headers, photos));
    // The first turn is for V8 to compile what a poll runs.
    for (let round = 0; round <= options.rounds; round++) {
      for (const side of sides) await takeTurn(side, options.pollSeconds, round > 0);
    }
    return figuresOf(sides);
  } finally {
    for (const { service } of sides) await service.stop();
  }
}

async function sideOf(
  folder: string,
  env: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  photos: readonly Photograph[],
): Promise<Side> {
  const service = await startService(folder, 'postgres', env);
  const { origin } = service;
  const { id } = await upload(origin, photoAt(photos, 0), { headers, waitSeconds: WAIT_SECONDS });
  const poll = { origin, path: `/v1/jobs/${id}`, headers, status: 200 };
  return { service, poll, rates: [], cpuMicroseconds: [] };
}

async function takeTurn(side: Side, seconds: number, counts: boolean): Promise<void> {
  let [cpu, started, ms] = [0, 0, 0];
  const { apiPid } = side.service;
  const rate = await load(side.poll, CONNECTIONS, seconds, {
    begin: () => {
      [cpu, started] = [cpuMs(apiPid), performance.now()];
    },
    end: () => {
      [cpu, ms] = [cpuMs(apiPid) - cpu, performance.now() - started];
    },
  });
  if (!counts) return;
  side.rates.push(rate);
  side.cpuMicroseconds.push((cpu * 1_000_000) / (rate * ms));
}

function figuresOf([off, on]: readonly Side[]): Figure[] {
  if (!off || !on) throw new Error('a side is missing');
  const figure = (what: string, unit: string, rounds: readonly number[]): Figure => ({
    part: 'keys',
    what: `polling: ${what}`,
    unit,
    rounds,
  });
  const ratio = (of: readonly number[], to: readonly number[]) =>
    of.map((value, round) => value / (to[round] ?? Number.NaN));
  return [
    figure('no keys, no limits', 'requests/s', off.rates),
    figure('keys and limits', 'requests/s', on.rates),
    { ...figure('ratio', '', ratio(on.rates, off.rates)), target: { least: LEAST } },
    figure('ratio by CPU time', '', ratio(off.cpuMicroseconds, on.cpuMicroseconds)),
  ];
}
