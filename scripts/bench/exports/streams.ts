import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';

/** Asks for an answer that is a stream, and has its head. @throws Error on any status but 200 */
export async function openUrl(url: string, encoding?: string): Promise<IncomingMessage> {
  const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
  const [response]: IncomingMessage[] = await once(httpGet(url, { headers }), 'response');
  if (response?.statusCode !== 200) throw new Error(`a stream answered ${response?.statusCode}`);
  return response;
}

/** Starts a stream of all images. */
export function openStream(origin: string, query: string, encoding?: string): Promise<IncomingMessage> {
  return openUrl(`${origin}/v1/exports/stream?dataset=images&${query}`, encoding);
}

/** Reads a stream to its end, and keeps nothing. */
export async function drain(response: IncomingMessage): Promise<void> {
  response.resume();
  await finished(response);
}

/** Reads a stream of all images. */
export async function readStream(origin: string, query: string, encoding?: string): Promise<void> {
  await drain(await openStream(origin, query, encoding));
}

/**
 * Starts another process that reads some streams at a time once it is told to: its own start takes the CPU
 * for a quarter of a second, and is no part of what is measured beside the streams.
 *
 * @returns what has it read them, and resolves when it has
 */
export async function readerElsewhere(
  origin: string,
  query: string,
  count: number,
): Promise<() => Promise<void>> {
  const reader = fork(new URL('./reader.js', import.meta.url), [origin, query, String(count)]);
  const ended = once(reader, 'exit');
  await Promise.race([once(reader, 'message'), ended]);
  return async () => {
    reader.send('read');
    const [code] = await ended;
    if (code !== 0) throw new Error(`the reader of streams ended with ${code}`);
  };
}

/** How long each stream takes to its first byte, in ms. */
export async function firstBytes(origin: string, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const response = await openStream(origin, 'format=csv');
    await once(response, 'readable');
    times.push(performance.now() - started);
    response.destroy();
  }
  return times;
}
