import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import sharp from 'sharp';
import { uploadsPath } from '../../lib/paths.js';
import { type Answer, jsonOf, send } from './http.js';
import type { Options } from './options.js';
import type { Figure } from './report.js';
import { startService } from './service.js';

const LEAST = 0.6;
const MIB = 1024 * 1024;
/** 8165 × 8165 pixels of three bytes are 200 MB, and below the usual limit of pixels. */
const SIDE = 8165;
const PART_BYTES = 8 * MIB;
const TUS = { 'tus-resumable': '1.0.0' };

/**
 * MB a second of a TIFF of 200 MB by tus, in parts of 8 MiB, against the same file in one plain upload, each
 * from its first request to the answer that names the image.
 */
export async function measureTus(folder: string, { rounds, quick }: Options): Promise<Figure[]> {
  const side = quick ? SIDE / 5 : SIDE;
  const service = await startService(join(folder, 'tus'), 'postgres', {
    MAX_UPLOAD_BYTES: String(300 * MIB),
  });
  try {
    const file = await bitmap(Math.round(side));
    const turns: { plain: number; tus: number }[] = [];
    // Until V8 has compiled what runs.
    await plain(service.origin, fresh(file));
    await byTus(service.origin, fresh(file));
    for (let round = 0; round < rounds; round++)
      turns.push({
        plain: await plain(service.origin, fresh(file)),
        tus: await byTus(service.origin, fresh(file)),
      });
    const figure = (what: string, unit: string, values: readonly number[]): Figure => ({
      part: 'tus',
      what: `${Math.round(file.length / 1e6)} MB ${what}`,
      unit,
      rounds: values,
    });
    const plains = turns.map((turn) => turn.plain);
    const parts = turns.map((turn) => turn.tus);
    const ratios = turns.map((turn) => turn.tus / turn.plain);
    return [
      figure('in one plain upload', 'MB/s', plains),
      figure('in parts by tus', 'MB/s', parts),
      { ...figure('ratio', '', ratios), target: { least: LEAST } },
    ];
  } finally {
    await service.stop();
  }
}

function bitmap(side: number): Promise<Buffer> {
  return sharp({ create: { width: side, height: side, channels: 3, background: '#4080c0' } })
    .tiff({ compression: 'none' })
    .toBuffer();
}

/** Some new pixels make it an image that the service does not have. */
function fresh(file: Buffer): Buffer {
  randomFillSync(file, Math.floor(file.length / 2), 64);
  return file;
}

async function plain(origin: string, file: Buffer): Promise<number> {
  const started = performance.now();
  const answer = await send(`${origin}/v1/images`, 'POST', { 'content-type': 'image/tiff' }, [file]);
  jsonOf(answer, 201);
  return speed(file, started);
}

async function byTus(origin: string, file: Buffer): Promise<number> {
  const started = performance.now();
  const size = { 'upload-length': String(file.length) };
  const made = await send(`${origin}${uploadsPath}`, 'POST', { ...TUS, ...size });
  const path = expected(made, 201).headers.location ?? '';
  for (let offset = 0; offset < file.length; offset += PART_BYTES) {
    const type = { 'content-type': 'application/offset+octet-stream' };
    const headers = { ...TUS, ...type, 'upload-offset': String(offset) };
    const part = file.subarray(offset, offset + PART_BYTES);
    expected(await send(`${origin}${path}`, 'PATCH', headers, [part]), 204);
  }
  return speed(file, started);
}

/** MB a second since a time on the clock of `performance.now()`. */
function speed(file: Buffer, started: number): number {
  return file.length / 1e6 / ((performance.now() - started) / 1000);
}

function expected(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`${answer.status}: ${answer.text.slice(0, 500)}`);
  return answer;
}
