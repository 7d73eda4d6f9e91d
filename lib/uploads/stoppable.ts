import { finished, PassThrough, type Readable } from 'node:stream';

/** How a body ended: all of it came, somebody stopped it, or its client was cut off. */
export type BodyEnd = 'whole' | 'stopped' | 'cut';

/** A body that ends, and does not fail, where it is stopped or cut off: what came till then counts. */
export interface StoppableBody {
  readonly chunks: AsyncIterable<Buffer>;
  /** How it ended, once it has. */
  end(): BodyEnd;
}

const BUFFER_BYTES = 256 * 1024;

/**
 * Reads a request's body until it ends or `stop` aborts. The request itself is left alive, paused, so that
 * it can be answered.
 */
export function stoppable(source: Readable, stop: AbortSignal): StoppableBody {
  const chunks = new PassThrough({ highWaterMark: BUFFER_BYTES });
  let end: BodyEnd | undefined;
  const endAs = (how: BodyEnd): void => {
    if (end !== undefined) return;
    end = how;
    source.unpipe(chunks);
    chunks.end();
    unlisten();
    stop.removeEventListener('abort', onStop);
  };
  const onStop = (): void => endAs('stopped');
  const unlisten = finished(source, { writable: false }, (error) => endAs(error ? 'cut' : 'whole'));
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  else source.pipe(chunks, { end: false });
  return { chunks, end: () => end ?? 'whole' };
}
