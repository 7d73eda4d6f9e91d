import type { Socket } from 'node:net';
import { quantile } from '../../scripts/bench/statistics.js';
import { eventually } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { open } from '../helpers/raw-http.js';
import { filesLeft } from '../helpers/service.js';
import { type Fault, type FaultRun, Findings } from './fault.js';
import { inParallel } from './parallel.js';
import { startServed } from './served.js';

const SLOW_CLIENTS = 500;
const OTHERS = 1_000;
const OTHER_CLIENTS = 4;
const MOST_RATIO = 2;
const IDLE_S = 5;
const DRIP_MS = 500;
// The service's two windows, and what a busy machine adds.
const ALL_CUT_WITHIN_S = 4 * IDLE_S;

/** Clients that send a byte now and then, beside others who want to be served. */
export const slowBodies: Fault = {
  name: 'slow-bodies',
  about: '500 slow bodies',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const clients = run.count(SLOW_CLIENTS, 20);
    const others = run.count(OTHERS, 100);
    const env = { ROLE: 'api', BODY_IDLE_SECONDS: String(IDLE_S), HEADERS_TIMEOUT_SECONDS: String(IDLE_S) };
    const { service } = await startServed(run, { env });
    const { url } = service;
    await p99(url, others);
    const before = await p99(url, others);
    const begun = performance.now();
    const sockets = await Promise.all(Array.from({ length: clients }, (_, index) => drip(url, index)));
    const ended = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const meanwhile = await p99(url, others);
    found.within('p99 of the others, against before', meanwhile / before, MOST_RATIO, '×');
    const late = eventually(async () =>
      performance.now() - begun > ALL_CUT_WITHIN_S * 1000 ? true : undefined,
    );
    await Promise.race([Promise.all(ended), late]);
    found.equal('slow clients cut off', sockets.filter(({ closed }) => closed).length, clients);
    for (const socket of sockets) socket.destroy();
    found.within('the last of them after', (performance.now() - begun) / 1000, ALL_CUT_WITHIN_S, 's');
    await eventually(async () => ((await filesLeft(service)).length === 0 ? true : undefined));
    found.equal('temporary files', (await filesLeft(service)).length, 0);
    return found;
  },
};

/** The p99 of uploads and lists, in ms. @throws Error at any that is not answered well */
async function p99(url: string, count: number): Promise<number> {
  const times: number[] = [];
  await inParallel(count, OTHER_CLIENTS, async (index) => {
    const body = index % 2 === 0 ? new Uint8Array(await picture()) : undefined;
    const started = performance.now();
    const response = await fetch(`${url}/v1/images`, {
      ...(body && { method: 'POST', headers: { 'content-type': 'image/png' }, body }),
    });
    await response.arrayBuffer();
    times.push(performance.now() - started);
    if (!response.ok) throw new Error(`answered ${response.status}`);
  });
  return quantile(times, 0.99);
}

const HEADS = [
  'POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000000\r\n\r\n',
  'POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n',
  'POST /v1/exports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n',
  'POST /v1/images HTTP/1.1\r\nHost: x\r\nX-Drip: ',
];

/** Sends a head, of each kind in turn, and then a byte at a time. */
async function drip(url: string, index: number): Promise<Socket> {
  const socket = await open(url);
  socket.on('error', () => {}).resume();
  socket.write(HEADS[index % HEADS.length] ?? '');
  const timer = setInterval(() => socket.write('-'), DRIP_MS);
  socket.once('close', () => clearInterval(timer));
  return socket;
}
