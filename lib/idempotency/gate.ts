import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import { isFinal } from './answer.js';
import { fingerprintOf } from './fingerprint.js';
import { Leases } from './leases.js';
import { claimKey, keepAnswer, LEASE_SECONDS, releaseKey, renewClaims } from './repository.js';
import { type Answer, openAnswer, sealAnswer } from './sealed-answer.js';

/** The body of a request, as far as its identity goes. */
export interface Body {
  /** Its digest; undefined when it has not been read to its end. */
  digest(): Buffer | undefined;
  /** Reads the rest of it and returns the digest; undefined when it does not come, or is too long. */
  drain(maxBytes: number, ms: number): Promise<Buffer | undefined>;
}

/** A request with a key. */
export interface KeyedRequest {
  readonly tenantId: string;
  readonly key: string;
  readonly method: string;
  /** Path and query as they came, and the header fields that say what is asked. */
  readonly url: string;
  readonly body: Body;
  /** The longest body that its route takes. */
  readonly maxBodyBytes: number;
}

/** The first request of its key, while it is in flight. */
export interface Claim {
  readonly id: string;
  readonly request: KeyedRequest;
}

/** What the gate works with. */
export interface GateOptions {
  readonly database: Database;
  /** Longest the body of a request may take to arrive. */
  readonly arrivalMs: number;
  /** Longest a request may take in all. */
  readonly requestMs: number;
  readonly log: Logger;
}

/** How long a request that has been carried out may take for the last bytes of its body. */
const TAIL_MS = 5_000;
const RETRY_AFTER_SECONDS = 1;

/** Lets the first request of a key through, and tells every other one what became of it. */
export class IdempotencyGate {
  readonly #options: GateOptions;
  readonly #leases: Leases;

  constructor(options: GateOptions) {
    const { database, requestMs, log } = options;
    this.#options = options;
    this.#leases = new Leases({
      renew: (ids) => database.query('idempotencyKeys.renew', (sql) => renewClaims(sql, ids)),
      everyMs: (LEASE_SECONDS * 1000) / 3,
      maxMs: 2 * requestMs,
      log,
    });
  }

  /**
   * @returns a claim when the request is to be carried out, the first answer when it has been. Whoever gets
   *   a claim calls {@link settle}
   * @throws Problem IDEMPOTENCY_KEY_IN_FLIGHT, IDEMPOTENCY_ANSWER_NOT_KEPT (409), IDEMPOTENCY_KEY_REUSED
   *   (422), DATABASE_UNAVAILABLE (503)
   */
  async admit(request: KeyedRequest): Promise<{ claim: Claim } | { answer: Answer & { body: Buffer } }> {
    const { database, arrivalMs } = this.#options;
    const { tenantId, key, body } = request;
    const found = await database
      .of(tenantId)
      .query('idempotencyKeys.claim', (sql) => claimKey(sql, tenantId, key));
    if (found.state === 'claimed') {
      this.#leases.hold(found.claimId);
      return { claim: { id: found.claimId, request } };
    }
    if (found.state === 'inFlight') throw inFlight();
    const digest = body.digest() ?? (await body.drain(request.maxBodyBytes, arrivalMs));
    if (!digest || !found.fingerprint.equals(fingerprint(request, digest))) throw reused();
    const answer = openAnswer(found.answer, key);
    if (answer.body === undefined) throw notKept(answer.status);
    return { answer: { ...answer, body: answer.body } };
  }

  /**
   * Ends a claim: keeps the answer, so that a repeat gets it, or gives the key back. It does not fail: a
   * claim that cannot be ended lapses.
   *
   * @param answer undefined when it is nothing to keep
   */
  async settle({ id, request }: Claim, answer: Answer | undefined): Promise<void> {
    const { database, log } = this.#options;
    try {
      const digest = answer && isFinal(answer.status) ? await settledDigest(request, answer) : undefined;
      if (!answer || !digest) {
        await database.query('idempotencyKeys.release', (sql) => releaseKey(sql, id));
        return;
      }
      const sealed = sealAnswer(answer, request.key);
      const kept = await database.query('idempotencyKeys.keep', (sql) =>
        keepAnswer(sql, id, fingerprint(request, digest), sealed),
      );
      if (!kept) log.warn({ claim: id }, 'a request took so long that it lost its idempotency key');
    } catch (error) {
      log.warn({ err: error, claim: id }, 'could not keep the answer to a request with an idempotency key');
    } finally {
      this.#leases.drop(id);
    }
  }

  /** Stops renewing; what is in flight lapses. */
  close(): void {
    this.#leases.close();
  }
}

/** Who is refused may still be sending, and is not kept waiting for it. */
async function settledDigest(
  { body, maxBodyBytes }: KeyedRequest,
  { status }: Answer,
): Promise<Buffer | undefined> {
  return body.digest() ?? (status < 300 ? body.drain(maxBodyBytes, TAIL_MS) : undefined);
}

function fingerprint({ method, url }: KeyedRequest, digest: Buffer): Buffer {
  return fingerprintOf(method, url, digest);
}

function inFlight(): Problem {
  return new Problem(
    'IDEMPOTENCY_KEY_IN_FLIGHT',
    'A request with this Idempotency-Key is being carried out; come again for its answer.',
    { retryAfter: RETRY_AFTER_SECONDS },
  );
}

function reused(): Problem {
  return new Problem(
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key came with another request before: another path, query or body. Take a new key for a new request.',
  );
}

function notKept(status: number): Problem {
  return new Problem(
    'IDEMPOTENCY_ANSWER_NOT_KEPT',
    `This request was carried out already, and answered ${status}; the answer was too long to be kept.`,
  );
}
