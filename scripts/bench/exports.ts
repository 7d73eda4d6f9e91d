import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import postgres from 'postgres';
import { loadConfig } from '../../lib/config.js';
import type { Export } from '../../lib/exports/export.js';
import { exportDatasets, readExportRequest } from '../../lib/exports/request.js';
import { csvStatement, jsonStatement } from '../../lib/exports/statement.js';
import { openConfigured } from '../seed/database.js';
import { seedRows } from '../seed/rows.js';
import { get, jsonOf, send } from './http.js';
import type { Options } from './options.js';
import type { Photograph } from './photographs.js';
import { rssBytes } from './processes.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { quantile } from './statistics.js';
import { completed, photoAt, upload } from './upload.js';

const MIB = 1024 * 1024;
const FEW = 10_000;
const POLL_CLIENTS = 4;
const RSS_EVERY_MS = 50;

/** What is measured, and against what: a ratio of seconds. */
interface Pair {
  readonly what: string;
  readonly peer: string;
  readonly least: number;
  readonly ours: () => Promise<unknown>;
  readonly theirs: () => Promise<unknown>;
}

/** Exports of many rows against the best this machine can do, in alternation. */
export async function measureExports(
  photos: readonly Photograph[],
  folder: string,
  { exportRows: rows, rounds }: Options,
): Promise<Figure[]> {
  await mkdir(join(folder, 'exports'), { recursive: true });
  const service = await startService(join(folder, 'exports'), 'postgres');
  const dataDir = join(folder, 'exports', 'data');
  const { url } = await openConfigured(loadConfig({ DATA_DIR: dataDir }));
  try {
    const figures: Figure[] = [];
    const add = (what: string, unit: string, values: readonly number[], target?: Figure['target']): void =>
      void figures.push({ part: 'exports', what, unit, rounds: values, ...(target && { target }) });
    const job = await pollable(service, photos);
    await seedRows({ url, images: FEW, seed: 1, onProgress: () => {} });
    const few = await peaks(service);
    const seeded = await seconds(() => seedRows({ url, images: rows, seed: 2, onProgress: () => {} }));
    add(`seed ${rows} images`, 's', [seeded]);
    for (const pair of pairsOf(service, url, folder)) {
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        theirs.push(await seconds(pair.theirs));
        ours.push(await seconds(pair.ours));
      }
      add(`${pair.what}`, 's', ours);
      add(`${pair.what}: ${pair.peer}`, 's', theirs);
      add(
        `${pair.what}: speed against ${pair.peer}`,
        '',
        ours.map((value, index) => (theirs[index] ?? Number.NaN) / value),
        { least: pair.least },
      );
    }
    add('CSV stream: first byte', 'ms', await firstBytes(service, rounds), { most: 200 });
    const many = await peaks(service);
    for (const [name, peak] of many) {
      const grown = peak - (few.get(name) ?? Number.NaN);
      add(`${name}: resident memory over that of ${FEW} rows`, 'MiB', [grown / MIB], { most: 50 });
    }
    const alone = await pollLatencies(service, job, async (polls) => void (await polls(3)));
    const beside = await pollLatencies(service, job, async (polls) => {
      const streams = Promise.all([1, 2, 3].map(() => stream(service, 'format=csv')));
      while (!(await settled(streams))) await polls(1);
    });
    const [before, during] = [quantile(alone, 0.99), quantile(beside, 0.99)];
    add('job polling, p99 alone', 'ms', [before]);
    add('job polling, p99 beside three streams', 'ms', [during]);
    add('job polling, p99 beside three streams against alone', '', [during / before], { most: 3 });
    return figures;
  } finally {
    await service.stop();
  }
}

function pairsOf(service: Service, url: string, folder: string): Pair[] {
  const request = readExportRequest(exportDatasets.images, { sort: '-createdAt' });
  const csv = csvStatement(request, 'default', { delimiter: ',', formulaGuard: true });
  const json = jsonStatement(request, 'default');
  const gzip = 'psql, gzip -1';
  const plainPath = join(folder, 'exports', 'plain.csv');
  const psql = (statement: string, then = ''): Promise<void> =>
    shell(`psql -qX -c "$STATEMENT" "$DATABASE" ${then} > /dev/null`, {
      STATEMENT: statement,
      DATABASE: url,
    });
  return [
    {
      what: 'CSV stream',
      peer: 'psql',
      least: 1,
      ours: () => stream(service, 'format=csv'),
      theirs: () => psql(csv),
    },
    {
      what: 'NDJSON stream',
      peer: 'psql',
      least: 0.9,
      ours: () => stream(service, 'format=ndjson'),
      theirs: () => psql(json),
    },
    {
      what: 'CSV, gzip',
      peer: gzip,
      least: 1,
      ours: () => stream(service, 'format=csv', 'gzip'),
      theirs: () => psql(csv, '| gzip -1'),
    },
    {
      what: 'CSV, br',
      peer: gzip,
      least: 1.3,
      ours: () => stream(service, 'format=csv', 'br'),
      theirs: () => psql(csv, '| gzip -1'),
    },
    {
      what: 'CSV stream',
      peer: 'cursor and JSON.stringify',
      least: 4,
      ours: () => stream(service, 'format=csv'),
      theirs: () => cursorExport(url),
    },
    {
      what: 'export job, CSV',
      peer: 'the stream',
      least: 1,
      ours: () => exportJob(service, 'csv'),
      theirs: () => stream(service, 'format=csv'),
    },
    {
      what: 'export job, Parquet',
      peer: 'DuckDB from the same CSV',
      least: 0.3,
      ours: () => exportJob(service, 'parquet'),
      theirs: async () => duckDb(await plainCsv(service, plainPath)),
    },
  ];
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const own = await work();
  // What had to be prepared does not count: then the work tells its own time.
  return typeof own === 'number' ? own : (performance.now() - started) / 1000;
}

async function shell(command: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
    env: { ...process.env, ...env, PGOPTIONS: '-c TimeZone=UTC -c jit=off -c random_page_cost=1.1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`psql ended with ${code}; on Debian it comes with postgresql-client`);
}

async function open(service: Service, query: string, encoding?: string): Promise<IncomingMessage> {
  const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
  const request = httpGet(`${service.origin}/v1/exports/stream?dataset=images&${query}`, { headers });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response?.statusCode !== 200) throw new Error(`a stream answered ${response?.statusCode}`);
  return response;
}

async function stream(service: Service, query: string, encoding?: string): Promise<void> {
  const response = await open(service, query, encoding);
  response.resume();
  await finished(response);
}

async function firstBytes(service: Service, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const response = await open(service, 'format=csv');
    await once(response, 'readable');
    times.push(performance.now() - started);
    response.destroy();
  }
  return times;
}

/** The usual way: a cursor, and every row an object, turned to text by itself. */
async function cursorExport(url: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    let bytes = 0;
    const rows = sql`select * from images where tenant_id = 'default' order by created_at desc, id desc`;
    for await (const page of rows.cursor(1000))
      for (const row of page) bytes += Buffer.byteLength(`${JSON.stringify(row)}\n`);
    if (bytes === 0) throw new Error('there are no rows');
  } finally {
    await sql.end();
  }
}

async function exportJob(service: Service, format: string): Promise<Export> {
  const answer = await send(
    `${service.origin}/v1/exports`,
    'POST',
    { 'content-type': 'application/json', prefer: 'wait=60' },
    [Buffer.from(JSON.stringify({ dataset: 'images', format }))],
  );
  const made = jsonOf<{ export: Export }>(answer, 201).export;
  if (made.state !== 'completed') throw new Error(`an export is ${made.state}`);
  return made;
}

/** The rows as the Parquet writer gets them. */
async function plainCsv(service: Service, path: string): Promise<string> {
  const response = await open(service, 'format=csv&formulaGuard=false');
  await writeFile(path, response);
  return path;
}

/** @returns how long it took, in seconds */
async function duckDb(path: string): Promise<number> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const started = performance.now();
  await connection.run(
    `copy (select * from read_csv('${path}')) to '${path}.parquet' (format parquet, compression zstd)`,
  );
  connection.closeSync();
  return (performance.now() - started) / 1000;
}

/** The most that each process holds while it makes each kind of export, above what it held before. */
async function peaks(service: Service): Promise<Map<string, number>> {
  const kinds: [string, number, () => Promise<unknown>][] = [
    ['API, CSV stream', service.apiPid, () => stream(service, 'format=csv')],
    ['API, JSON stream with gzip', service.apiPid, () => stream(service, 'format=json', 'gzip')],
    ...['csv', 'parquet', 'xlsx'].map((format): [string, number, () => Promise<unknown>] => [
      `worker, ${format} job`,
      service.workerPid,
      () => exportJob(service, format),
    ]),
  ];
  const found = new Map<string, number>();
  for (const [name, pid, work] of kinds) {
    let peak = 0;
    const look = setInterval(() => {
      peak = Math.max(peak, rssBytes(pid));
    }, RSS_EVERY_MS);
    await work();
    clearInterval(look);
    found.set(name, Math.max(peak, rssBytes(pid)));
  }
  return found;
}

/** A finished job to be polled. */
async function pollable(service: Service, photos: readonly Photograph[]): Promise<string> {
  const { id } = await upload(service.origin, photoAt(photos, 0));
  await completed(service.origin, id);
  return id;
}

type Polls = (forSeconds: number) => Promise<void>;

/** How long each poll took while `during` had them going, in ms. */
async function pollLatencies(
  service: Service,
  id: string,
  during: (polls: Polls) => Promise<void>,
): Promise<number[]> {
  const latencies: number[] = [];
  await during(async (forSeconds) => {
    const end = performance.now() + forSeconds * 1000;
    const client = async (): Promise<void> => {
      while (performance.now() < end) {
        const started = performance.now();
        await get(`${service.origin}/v1/jobs/${id}`);
        latencies.push(performance.now() - started);
      }
    };
    await Promise.all(Array.from({ length: POLL_CLIENTS }, client));
  });
  return latencies;
}

async function settled(work: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([work, Promise.resolve(pending)])) !== pending;
}
