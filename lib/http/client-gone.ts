import type { ServerResponse } from 'node:http';
import { Problem } from '../errors.js';

/**
 * A signal that aborts when the client leaves before it has its answer. The framework's own signal
 * also aborts when the request's body has been read to its end.
 */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished)
      controller.abort(new Problem('BAD_REQUEST', 'The client closed the connection.'));
  });
  return controller.signal;
}
