import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Teardown } from './services.js';

/** A way to a service that breaks. */
export interface CuttingProxy {
  /** The service's address through it. */
  readonly url: string;
  /** How many connections it has cut. */
  readonly cuts: number;
}

/**
 * Starts a TCP proxy that cuts its connections, each after so many bytes from the client, without a word.
 *
 * @param next how many bytes the next connection lives; undefined: all of them
 */
export async function cuttingProxy(
  t: Teardown,
  target: string,
  next: () => number | undefined,
): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let left = next() ?? Number.POSITIVE_INFINITY;
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', cut).on('close', cut);
    upstream.pipe(client);
    client.on('data', (chunk) => {
      const given = chunk.subarray(0, left);
      left -= given.length;
      if (left > 0) {
        if (!upstream.write(given)) client.pause();
        return;
      }
      cuts += 1;
      // The service has these bytes before it sees the end.
      upstream.write(given, () => upstream.resetAndDestroy());
      client.resetAndDestroy();
    });
    upstream.on('drain', () => client.resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  const address = server.address();
  return {
    url: `http://127.0.0.1:${isAddress(address) ? address.port : 0}`,
    get cuts() {
      return cuts;
    },
  };
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
