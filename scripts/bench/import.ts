import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { addBare, openWorld, type World } from './enqueue.js';
import { jsonOf, send } from './http.js';
import type { Backend, Options } from './options.js';
import { rssBytes } from './processes.js';
import type { Figure } from './report.js';

const LEAST = 0.5;
const LOOK_MS = 5;
const MIB = 1024 * 1024;
/** What an import of many rows may take over one of few: garbage that is not collected yet, no rows. */
const MOST_GROWTH_MIB = 100;

/**
 * Rows a second by `POST /v1/imports`, from the request until each row is recorded as a job and in the queue,
 * against a `COPY` of the same CSV into a table of its own columns followed by BullMQ's own `addBulk` of as
 * many jobs; and the memory of the process that reads a long one.
 */
export async function measureImport(
  backend: Backend,
  folder: string,
  { rounds, importRows }: Options,
): Promise<Figure[]> {
  const world = await openWorld(backend, join(folder, `import-${backend}`));
  try {
    await world.sql`create table copied (url text, filename text, presets text, place text)`;
    const csv = csvOf(importRows.turn);
    const turns: { bare: number; ours: number }[] = [];
    // Until V8 has compiled what runs.
    await bareTurn(world, csvOf(5_000), 5_000);
    await importTurn(world, csvOf(5_000), 5_000);
    for (let round = 0; round < rounds; round++) {
      turns.push({
        bare: await bareTurn(world, csv, importRows.turn),
        ours: await importTurn(world, csv, importRows.turn),
      });
    }
    const grown = backend === 'postgres' ? [await growth(world, importRows.memory)] : [];
    const figure = (what: string, unit: string, values: readonly number[]): Figure => ({
      part: 'import',
      what: `${backend}: ${what}`,
      unit,
      rounds: values,
    });
    return [
      figure(
        'COPY and addBulk',
        'rows/s',
        turns.map(({ bare }) => bare),
      ),
      figure(
        'import',
        'rows/s',
        turns.map(({ ours }) => ours),
      ),
      {
        ...figure(
          'ratio',
          '',
          turns.map(({ bare, ours }) => ours / bare),
        ),
        target: { least: LEAST },
      },
      ...grown.map((mib) => ({
        ...figure(`memory of the worker over ${importRows.memory} rows`, 'MiB', [mib]),
        target: { most: MOST_GROWTH_MIB },
      })),
    ];
  } finally {
    await world.close();
  }
}

/** A CSV of rows as people have them; an odd one in a hundred has quotes. */
function csvOf(rows: number): Buffer {
  const lines = Array.from({ length: rows }, (_, index) => {
    const place = index % 100 === 0 ? `"Zürich, ${index}"` : `place ${index}`;
    return `https://images.example.com/photos/2026/${index}.jpg,photo-${index}.jpg,thumbnail;small,${place}\n`;
  });
  return Buffer.from(`url,filename,presets,metadata.place\n${lines.join('')}`);
}

async function bareTurn({ bare, sql }: World, csv: Buffer, rows: number): Promise<number> {
  const started = performance.now();
  const copy = await sql`copy copied from stdin (format csv, header)`.writable();
  await pipeline(Readable.from([csv]), copy);
  await addBare(bare, rows);
  return rows / ((performance.now() - started) / 1000);
}

async function importTurn(world: World, csv: Buffer, rows: number): Promise<number> {
  const started = performance.now();
  await importAll(world, csv, rows, async () => undefined);
  return rows / ((performance.now() - started) / 1000);
}

/** Resolves when every row is a job in the queue: the result says so once the last have been handed over. */
async function importAll(
  { origin, sql }: World,
  csv: Buffer,
  rows: number,
  onLook: () => Promise<void>,
): Promise<void> {
  const answer = await send(`${origin}/v1/imports`, 'POST', { 'content-type': 'text/csv' }, [csv]);
  const { job } = jsonOf<{ job: { id: string } }>(answer, 202);
  for (;;) {
    const [read] = await sql`
      select from jobs where id = ${job.id} and (result -> 'rows' ->> 'accepted')::int = ${rows}`;
    if (read) return;
    await onLook();
    await delay(LOOK_MS);
  }
}

/** How much more memory the worker has at most while it reads many rows than it had before, in MiB. */
async function growth(world: World, rows: number): Promise<number> {
  const before = rssBytes(world.workerPid);
  let most = before;
  await importAll(world, csvOf(rows), rows, async () => {
    most = Math.max(most, rssBytes(world.workerPid));
  });
  return (most - before) / MIB;
}
