import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { rssBytes } from '../../scripts/bench/processes.js';
import { eventually } from '../helpers/events.js';
import { open } from '../helpers/raw-http.js';
import { insertJobs } from '../lib/exports/rows.js';
import { type Fault, type FaultRun, Findings } from './fault.js';
import { startServed } from './served.js';

const MIB = 1024 * 1024;
const CLIENTS = 200;
const ROWS = 200_000;
const PATH = '/v1/exports/stream?dataset=jobs';
const FREE_WITHIN_MS = 2_000;
const MOST_GROWTH_MIB = 50;
const SLOW_BYTES = 1024;
const SLOW_SECONDS = 20;

/** Clients that leave in mid-stream, and one that reads far more slowly than the server could write. */
export const exportClients: Fault = {
  name: 'export-clients',
  about: '200 export clients leave; one reads 1 KB/s',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const clients = run.count(CLIENTS, 10);
    const { service, sql } = await startServed(run, { env: { ROLE: 'api' } });
    await insertJobs(sql, ROWS);
    const url = new URL(PATH, service.url);
    // What the first whole stream brings with it is no growth.
    await readWhole(url);
    const memory = new Memory(service.pid);

    let left = 0;
    const client = async (): Promise<void> => {
      // One that is turned away comes again, as it is told.
      while (!(await leaveInMidStream(service.url))) await delay(10);
      left++;
    };
    await Promise.all(Array.from({ length: clients }, client));
    found.equal('clients that left in mid-stream', left, clients);
    found.within('their backends are free after', await freeAfter(sql), FREE_WITHIN_MS);

    await readSlowly(service.url, run.count(SLOW_SECONDS, 3));
    found.within('the slow reader’s backend is free after', await freeAfter(sql), FREE_WITHIN_MS);
    found.atMost('memory of the API, growth', memory.end() / MIB, MOST_GROWTH_MIB, 'MiB');
    found.is('the next one is served whole', await readWhole(url));
    return found;
  },
};

/** The most that a process holds, against what it held at the start. */
class Memory {
  readonly #before: number;
  readonly #timer: NodeJS.Timeout;
  #most: number;

  constructor(pid: number) {
    this.#before = rssBytes(pid);
    this.#most = this.#before;
    this.#timer = setInterval(() => {
      this.#most = Math.max(this.#most, rssBytes(pid));
    }, 100);
  }

  /** @returns by how much it grew at most, in bytes */
  end(): number {
    clearInterval(this.#timer);
    return this.#most - this.#before;
  }
}

/** @returns whether the server had begun to send */
async function leaveInMidStream(url: string): Promise<boolean> {
  const socket = await open(url);
  socket.on('error', () => {});
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await once(socket, 'readable');
  const status = String(socket.read(12)).slice(9);
  socket.resetAndDestroy();
  if (status !== '200' && status !== '503') throw new Error(`an export was answered ${status}`);
  return status === '200';
}

/** Reads 1 KiB a second, and leaves. */
async function readSlowly(url: string, seconds: number): Promise<void> {
  const socket = await open(url);
  socket.on('error', () => {}).pause();
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`);
  for (let second = 0; second < seconds; second++) {
    await delay(1000);
    socket.read(SLOW_BYTES);
  }
  socket.destroy();
}

/** @returns whether the body ended as HTTP says a whole one does */
async function readWhole(url: URL): Promise<boolean> {
  const [response] = await once(get(url, { agent: false }), 'response');
  response.on('error', () => {}).resume();
  await once(response, 'close');
  return response.complete;
}

/** Waits until no export holds a backend. @returns ms */
async function freeAfter(sql: Sql): Promise<number> {
  const started = performance.now();
  await eventually(async () => {
    const [row] = await sql<{ held: boolean }[]>`
      select exists (select from pg_stat_activity where application_name = 'halftone-export') as held`;
    return row?.held === false ? true : undefined;
  });
  return performance.now() - started;
}
