import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

// What a client may call its request: it goes into our log and our headers.
const ACCEPTABLE = /^[\w.:/+=@-]{1,128}$/;

/**
 * Makes the ids of requests: the client's own `X-Request-Id` where it is harmless, else a random
 * prefix of this process and a counter, because a random id for each request costs more than a poll.
 */
export function requestIds(): (request: IncomingMessage) => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return (request) => {
    const given = request.headers['x-request-id'];
    if (typeof given === 'string' && ACCEPTABLE.test(given)) return given;
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
