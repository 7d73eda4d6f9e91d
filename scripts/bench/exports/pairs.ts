import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { exportDatasets, readExportRequest } from '../../../lib/exports/request.js';
import { csvStatement, jsonStatement } from '../../../lib/exports/statement.js';
import { outsider } from '../../../lib/keys/caller.js';
import { exportJob } from './jobs.js';
import { openStream, readStream, readUrl } from './streams.js';

/** What is measured, and against what: a ratio of seconds. */
export interface Pair {
  readonly what: string;
  readonly peer: string;
  readonly least: number;
  readonly ours: () => Promise<unknown>;
  readonly theirs: () => Promise<unknown>;
}

/** Where the pairs are measured. */
export interface Ground {
  /** The service. */
  readonly origin: string;
  /** Its database. */
  readonly url: string;
  /** The peer of `cursor-server.ts`. */
  readonly cursorOrigin: string;
  /** A folder for files. */
  readonly folder: string;
}

/** Each kind of export, and the best or the usual that there is to compare it with. */
export function pairsOf(ground: Ground): Pair[] {
  return [...streamsAgainstPsql(ground), ...others(ground)];
}

function streamsAgainstPsql({ origin, url }: Ground): Pair[] {
  const request = readExportRequest(exportDatasets.images, { sort: '-createdAt' }, outsider);
  const csv = csvStatement(request, 'default', { delimiter: ',', formulaGuard: true });
  const json = jsonStatement(request, 'default');
  const psql = (statement: string, then = ''): Promise<void> =>
    shell(`psql -qX -c "$STATEMENT" "$DATABASE" ${then} > /dev/null`, {
      STATEMENT: statement,
      DATABASE: url,
    });
  const gzip = { peer: 'psql, gzip -1', theirs: () => psql(csv, '| gzip -1') };
  return [
    {
      what: 'CSV stream',
      peer: 'psql',
      least: 1,
      ours: () => readStream(origin, 'format=csv'),
      theirs: () => psql(csv),
    },
    {
      what: 'NDJSON stream',
      peer: 'psql',
      least: 0.9,
      ours: () => readStream(origin, 'format=ndjson'),
      theirs: () => psql(json),
    },
    { what: 'CSV, gzip', least: 1, ours: () => readStream(origin, 'format=csv', 'gzip'), ...gzip },
    { what: 'CSV, br', least: 1.3, ours: () => readStream(origin, 'format=csv', 'br'), ...gzip },
  ];
}

function others({ origin, cursorOrigin, folder }: Ground): Pair[] {
  const plainPath = join(folder, 'plain.csv');
  return [
    {
      what: 'CSV stream',
      peer: 'cursor and JSON.stringify',
      least: 4,
      ours: () => readStream(origin, 'format=csv'),
      theirs: () => readUrl(cursorOrigin),
    },
    {
      what: 'export job, CSV',
      peer: 'the stream',
      least: 1,
      ours: () => exportJob(origin, 'csv'),
      theirs: () => readStream(origin, 'format=csv'),
    },
    {
      what: 'export job, Parquet',
      peer: 'DuckDB from the same CSV',
      least: 0.3,
      ours: () => exportJob(origin, 'parquet'),
      theirs: async () => duckDb(await plainCsv(origin, plainPath)),
    },
  ];
}

async function shell(command: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], {
    env: { ...process.env, ...env, PGOPTIONS: '-c TimeZone=UTC -c jit=off -c random_page_cost=1.1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`psql ended with ${code}; on Debian it comes with postgresql-client`);
}

/** The rows as the Parquet writer gets them. */
async function plainCsv(origin: string, path: string): Promise<string> {
  await writeFile(path, await openStream(origin, 'format=csv&formulaGuard=false'));
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
