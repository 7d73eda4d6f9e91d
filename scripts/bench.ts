import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureConsumer } from './bench/consumer.js';
import { measureEnqueue } from './bench/enqueue.js';
import { measureEvents } from './bench/events.js';
import { measureExports } from './bench/exports.js';
import { measureImport } from './bench/import.js';
import { measureKeys } from './bench/keys.js';
import { measureMemory } from './bench/memory.js';
import { type Options, type Part, parseOptions } from './bench/options.js';
import { type Photograph, photographs } from './bench/photographs.js';
import { measurePolling } from './bench/polling.js';
import { type Figure, printTable, writeJson } from './bench/report.js';
import { measureResize } from './bench/resize.js';
import { measureResponsiveness } from './bench/responsiveness.js';
import { measureSandbox } from './bench/sandbox.js';
import { stopServices } from './bench/service.js';
import { measureStart } from './bench/start.js';
import { measureTus } from './bench/tus.js';
import { ensureRedis } from './ensure-test-services.js';

/**
 * `npm run bench`: measures the service on this machine, each pair of figures side by side in one run,
 * prints a table and writes JSON. It starts services of its own in a temporary folder and reads their
 * CPU time and memory from Linux's /proc. A quiet machine makes it meaningful.
 */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const folder = await mkdtemp(join(tmpdir(), 'halftone-bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await stopServices();
      await rm(folder, { recursive: true, force: true });
      process.exit(128 + constants.signals[signal]);
    });
  }
  try {
    const photos = await photographs(options.images, folder);
    const figures: Figure[] = [];
    for (const part of options.only) {
      console.error(`measuring ${part} …`);
      figures.push(...(await measure[part](photos, folder, options)));
    }
    printTable(figures);
    await writeJson(figures, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Measure = (photos: readonly Photograph[], folder: string, options: Options) => Promise<Figure[]>;

const measure: Readonly<Record<Part, Measure>> = {
  resize: (photos, folder, options) =>
    onEach(options, (backend) => measureResize(backend, photos, folder, options)),
  polling: (photos, folder, options) =>
    onEach(options, (backend) => measurePolling(backend, photos, folder, options)),
  responsiveness: (photos, folder, options) =>
    onEach(options, (backend) => measureResponsiveness(backend, photos, folder, options)),
  memory: (photos, folder, options) =>
    onEach(options, (backend) => measureMemory(backend, photos, folder, options)),
  start: (_photos, folder, options) => measureStart(folder, options),
  exports: measureExports,
  events: (photos, folder, options) =>
    onEach(options, (backend) => measureEvents(backend, photos, folder, options)),
  consumer: (_photos, folder, options) =>
    onEach(options, (backend) => measureConsumer(backend, folder, options)),
  enqueue: (_photos, folder, options) =>
    onEach(options, (backend) => measureEnqueue(backend, folder, options)),
  import: (_photos, folder, options) => onEach(options, (backend) => measureImport(backend, folder, options)),
  sandbox: (photos, folder, options) =>
    onEach(options, (backend) => measureSandbox(backend, photos, folder, options)),
  keys: measureKeys,
  tus: (_photos, folder, options) => measureTus(folder, options),
};

async function onEach(
  { backends }: Options,
  one: (backend: Options['backends'][number]) => Promise<Figure[]>,
): Promise<Figure[]> {
  if (backends.includes('redis')) await ensureRedis();
  const figures: Figure[] = [];
  for (const backend of backends) figures.push(...(await one(backend)));
  return figures;
}

await main();
