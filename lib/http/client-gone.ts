import type { ServerResponse } from 'node:http';
import { Problem } from '../errors.js';

/**
 * A signal that aborts when the client leaves before it has its answer. The framework's own signal
 * also aborts when the request's body has been read to its end.
 */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished)
      controller.abort(new Problem('BAD_REQUEST', 'The client closed the connection.'));
  };
  // Who left before somebody asked has had its event already.
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  return controller.signal;
}
