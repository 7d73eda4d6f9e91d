import { get } from '../http.js';
import type { Photograph } from '../photographs.js';
import type { Service } from '../service.js';
import { quantile } from '../statistics.js';
import { completed, photoAt, upload } from '../upload.js';
import { readStream } from './streams.js';

const CLIENTS = 4;
const SECONDS = 3;
const STREAMS = 3;

/** The p99 of job polls, in ms, of each round. */
export interface PollLatencies {
  readonly alone: number[];
  readonly beside: number[];
}

/** A finished job to be polled. */
export async function pollable(service: Service, photos: readonly Photograph[]): Promise<string> {
  const { id } = await upload(service.origin, photoAt(photos, 0));
  await completed(service.origin, id);
  return id;
}

/** How fast a job's poll is answered with nothing beside it, and while three exports are read. */
export async function pollLatencies(service: Service, job: string, rounds: number): Promise<PollLatencies> {
  const url = `${service.origin}/v1/jobs/${job}`;
  const found: PollLatencies = { alone: [], beside: [] };
  // Until V8 has compiled what a poll runs.
  await poll(url, SECONDS);
  for (let round = 0; round < rounds; round++) {
    found.alone.push(quantile(await poll(url, SECONDS), 0.99));
    let over = false;
    const streams = Array.from({ length: STREAMS }, () => readStream(service.origin, 'format=csv'));
    const reading = Promise.all(streams).finally(() => {
      over = true;
    });
    const latencies: number[] = [];
    while (!over) latencies.push(...(await poll(url, 1, () => over)));
    await reading;
    found.beside.push(quantile(latencies, 0.99));
  }
  return found;
}

/** @returns how long each poll took, in ms */
async function poll(url: string, seconds: number, over: () => boolean = () => false): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  const client = async (): Promise<void> => {
    while (performance.now() < end && !over()) {
      const started = performance.now();
      await get(url);
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return latencies;
}
