import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerClientError } from './client-error.js';

/** How fast a body must come. */
export interface BodyPace {
  /** How long it may be slower than `minBytesPerSecond`. */
  readonly idleSeconds: number;
  /** 0: any byte will do. */
  readonly minBytesPerSecond: number;
}

/** A body on its way: what had arrived when its time began. */
interface Body {
  readonly response: ServerResponse;
  since: number;
  bytes: number;
}

const CHECK_MS = 1_000;

/**
 * Cuts off clients whose bodies come too slowly: each holds a connection, a temporary file and a place in
 * the limits, and a few hundred of them would hold all there are ("slow POST"). The rule is that of
 * Apache's mod_reqtimeout (`body=20,MinRate=500`), over windows instead of the whole body, so that a client
 * cannot save up for a pause. One timer looks at all bodies; a request without one costs nothing.
 */
export class SlowBodies {
  readonly #pace: BodyPace;
  readonly #onCut: (request: IncomingMessage) => void;
  readonly #bodies = new Map<IncomingMessage, Body>();
  readonly #timer: NodeJS.Timeout;

  /** @param onCut called for each body that is cut off, for the log */
  constructor(pace: BodyPace, onCut: (request: IncomingMessage) => void) {
    this.#pace = pace;
    this.#onCut = onCut;
    this.#timer = setInterval(() => this.#check(), Math.min(CHECK_MS, (pace.idleSeconds * 1000) / 2));
    this.#timer.unref();
  }

  /** Looks after the body of a request, if it has one, until it has arrived. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    if (!hasBody(request)) return;
    this.#bodies.set(request, { response, since: performance.now(), bytes: request.socket.bytesRead });
    request.once('close', () => this.#bodies.delete(request));
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#bodies.clear();
  }

  #check(): void {
    const now = performance.now();
    for (const [request, body] of this.#bodies) {
      const { bytesRead } = request.socket;
      // It has arrived; or what came waits for us, and whoever fills our buffers is not slow.
      if (request.complete || request.readableLength > 0) {
        body.since = now;
        body.bytes = bytesRead;
      } else if (now - body.since >= this.#pace.idleSeconds * 1000) {
        if (bytesRead - body.bytes < this.#least()) this.#cut(request, body);
        body.since = now;
        body.bytes = bytesRead;
      }
    }
  }

  /** The fewest bytes that must come in a window. */
  #least(): number {
    return Math.max(1, this.#pace.minBytesPerSecond * this.#pace.idleSeconds);
  }

  #cut(request: IncomingMessage, { response }: Body): void {
    this.#bodies.delete(request);
    this.#onCut(request);
    // An answer that has begun cannot be taken back; the end of the connection says the rest.
    if (response.headersSent) request.socket.destroy();
    else answerClientError(requestTimeout(), request.socket);
  }
}

/** As Node's own server says it of a request that takes too long as a whole. */
function requestTimeout(): Error & { code: string } {
  return Object.assign(new Error('The body came too slowly.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
