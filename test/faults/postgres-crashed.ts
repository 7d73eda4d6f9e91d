import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { eventually, latch } from '../helpers/events.js';
import { hasty } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { insertJobs } from '../lib/exports/rows.js';
import { type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, brokenOriginals } from './record.js';
import { startServed } from './served.js';

const CRASHES = 5;
const UPLOADERS = 4;
const UPLOADS_BEFORE = 40;
const EXPORTS = 8;
// More than sockets and streams buffer: no export is at its end when PostgreSQL goes.
const ROWS = 200_000;
const MAX_ANSWER_MS = 2_000;
const BACK_WITHIN_MS = 10_000;

/** Stops PostgreSQL at once, again and again, while clients upload and export. */
export const postgresCrashed: Fault = {
  name: 'postgres-crashed',
  about: 'Postgres stop -m immediate under uploads and exports',
  backends: ['postgres', 'redis'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const crashes = run.count(CRASHES);
    const { service, sql, postgres } = await startServed(run, { env: { ...hasty, RESIZE_THREADS: '1' } });
    const { url } = service;
    await insertJobs(sql, ROWS);
    const uploads = new Uploads(url);
    let [cut, begun, longestBack] = [0, 0, 0];
    for (let crash = 0; crash < crashes; crash++) {
      const uploading = uploads.go(UPLOADERS);
      const exports = await Promise.all(Array.from({ length: EXPORTS }, () => beginExport(url)));
      begun += exports.length;
      await uploads.taken((crash + 1) * run.count(UPLOADS_BEFORE, 5));
      await postgres.crash();
      for (const whole of await Promise.all(exports.map(readOn))) if (!whole) cut++;
      await uploads.refused();
      await postgres.restart();
      const restarted = performance.now();
      await eventually(async () => ((await fetch(`${url}/readyz`)).ok ? true : undefined));
      await uploads.takenAgain();
      longestBack = Math.max(longestBack, performance.now() - restarted);
      uploads.rest();
      await uploading;
    }
    await allEnded(sql);
    const ids = (await sql<{ id: string }[]>`select id from images`).map(({ id }) => id);
    const lost = [...uploads.acknowledged].filter((id) => !ids.includes(id)).length;
    found.equal(`acknowledged rows lost, of ${uploads.acknowledged.size}`, lost, 0);
    found.equal('rows without their whole file', await brokenOriginals(sql, url), 0);
    found.equal('exports visibly cut', cut, begun);
    const others = [...uploads.statuses].filter((status) => ![201, 202, 503].includes(status));
    found.is('answers are 201, 202 or 503', others.length === 0, [...uploads.statuses].sort().join(', '));
    found.equal('uploads without an answer', uploads.cut, 0);
    found.within('longest answer while it was away', uploads.longest503, MAX_ANSWER_MS);
    found.within('back after the restart', longestBack, BACK_WITHIN_MS);
    return found;
  },
};

/** Clients that upload one picture after the other, and keep book. */
class Uploads {
  readonly acknowledged = new Set<string>();
  readonly statuses = new Set<number>();
  /** Requests that got no answer at all. */
  cut = 0;
  /** Of the 503s, in ms. */
  longest503 = 0;
  #running = false;
  #refusal = latch();
  #success = latch();
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Uploads until {@link rest}. */
  async go(clients: number): Promise<void> {
    this.#running = true;
    this.#refusal = latch();
    const client = async (): Promise<void> => {
      while (this.#running) await this.#one();
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  rest(): void {
    this.#running = false;
  }

  /** Resolves when so many were acknowledged. */
  async taken(count: number): Promise<void> {
    await eventually(async () => (this.acknowledged.size >= count ? true : undefined));
  }

  /** Resolves at the first 503. */
  async refused(): Promise<void> {
    await this.#refusal.opened;
    this.#success = latch();
  }

  /** Resolves when one is taken that began after {@link refused}. */
  takenAgain(): Promise<void> {
    return this.#success.opened;
  }

  /** @returns undefined where the connection ended without an answer */
  async #ask(body: Uint8Array<ArrayBuffer>): Promise<{ response: Response; body: string } | undefined> {
    try {
      const response = await fetch(`${this.#url}/v1/images?preset=thumbnail`, {
        method: 'POST',
        headers: { 'content-type': 'image/png' },
        body,
      });
      return { response, body: await response.text() };
    } catch {
      return undefined;
    }
  }

  async #one(): Promise<void> {
    const started = performance.now();
    const success = this.#success;
    const answer = await this.#ask(new Uint8Array(await picture()));
    if (answer === undefined) {
      this.cut++;
      return;
    }
    const { response, body } = answer;
    this.statuses.add(response.status);
    if (response.status === 503) {
      this.longest503 = Math.max(this.longest503, performance.now() - started);
      this.#refusal.open();
    } else if (response.ok) {
      this.acknowledged.add(JSON.parse(body).image.id);
      success.open();
    }
  }
}

/** Reads the head of an export and its first bytes, and then no more. */
async function beginExport(url: string): Promise<IncomingMessage> {
  const asking = get(`${url}/v1/exports/stream?dataset=jobs`, { agent: false });
  const [response]: IncomingMessage[] = await once(asking, 'response');
  if (response?.statusCode !== 200) throw new Error(`an export was answered ${response?.statusCode}`);
  await once(response, 'readable');
  return response;
}

/** @returns whether the body ended as HTTP says a whole one does */
async function readOn(response: IncomingMessage): Promise<boolean> {
  const closed = new Promise((resolve) => response.once('close', resolve));
  response.on('error', () => {}).resume();
  await closed;
  return response.complete;
}
