import { once } from 'node:events';
import { createServer } from 'node:net';
import { systemErrorCode } from '../../errors.js';

/**
 * A TCP port on 127.0.0.1 that is free now: the preferred one, or else any. Another process may take
 * it before you do: be ready to retry.
 */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer().listen(preferred, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (preferred !== 0 && systemErrorCode(error) === 'EADDRINUSE') return freePort();
    throw error;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no TCP port');
  return address.port;
}
