import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';

/** Starts a stream of all images, and has its head. @throws Error on any status but 200 */
export async function openStream(origin: string, query: string): Promise<IncomingMessage> {
  const [response]: IncomingMessage[] = await once(httpGet(streamUrl(origin, query)), 'response');
  if (response?.statusCode !== 200) throw new Error(`a stream answered ${response?.statusCode}`);
  return response;
}

/**
 * Reads an answer to its end and keeps nothing. By `curl`, as psql is what it is compared with: a client in
 * JavaScript takes seconds of CPU for a million rows, from a service that is on the same machine.
 *
 * @throws Error on any status but 200, and for a body that ends too soon
 */
export async function readUrl(url: string, encoding = 'identity'): Promise<void> {
  const args = ['--silent', '--show-error', '--fail', '--header', `accept-encoding: ${encoding}`, url];
  const child = spawn('curl', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`curl ended with ${code}`);
}

/** Reads a stream of all images. */
export function readStream(origin: string, query: string, encoding?: string): Promise<void> {
  return readUrl(streamUrl(origin, query), encoding);
}

function streamUrl(origin: string, query: string): string {
  return `${origin}/v1/exports/stream?dataset=images&${query}`;
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
