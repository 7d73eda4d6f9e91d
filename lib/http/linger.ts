import type { IncomingMessage } from 'node:http';

const LINGER_MS = 5_000;

/**
 * Reads and drops the rest of a body whose answer is decided already, for a few seconds. Closing at
 * once would reset the connection, and a client that is still sending would never see the answer
 * (RFC 9112, section 9.6).
 */
export function linger(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}
