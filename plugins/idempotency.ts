import type {
  FastifyReply,
  FastifyRequest,
  onSendHookHandler,
  preParsingHookHandler,
  preValidationHookHandler,
} from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { linger } from '../lib/http/linger.js';
import { answerToKeep } from '../lib/idempotency/answer.js';
import { BodyTap } from '../lib/idempotency/body-tap.js';
import { jsonDigest } from '../lib/idempotency/fingerprint.js';
import { type Body, type Claim, IdempotencyGate } from '../lib/idempotency/gate.js';
import { parseIdempotencyKey } from '../lib/idempotency/key.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set while the request is the first of its Idempotency-Key, and has no answer. */
    idempotencyClaim: Claim | undefined;
  }
  interface FastifyContextConfig {
    /** Header fields, in lower case, that say what is asked, as path and body do elsewhere. */
    askingFields?: readonly string[];
  }
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * `Idempotency-Key` on every POST (draft-ietf-httpapi-idempotency-key-header): the same request with the
 * same key gets the first answer again, byte for byte, with `Idempotency-Replayed: true`; another request
 * with that key gets a 422, and one that comes while the first is in flight a 409. A key is its tenant's
 * own and is kept for 24 hours, in PostgreSQL: it does not matter which API process is asked.
 *
 * A route does nothing for it. A JSON body is compared as it was parsed. Every other body (a form, a file,
 * a CSV) is digested as it streams by, however the route reads it; a route that answers 2xx must have read
 * it to its end, or the answer is not kept. The body of a repeat is read here, compared and dropped: the
 * route is not called, and nothing is stored.
 *
 * What was decided about the request itself is kept (see `isFinal`), encrypted, as some answers hold a
 * secret. After any other answer, and after a body that broke off, the key is free, and another try really
 * tries. The claim of a process that dies lapses by itself; if it died after the work and before the
 * answer was kept, a repeat does the work again.
 */
export default fp<{ config: Pick<Config, 'uploadTimeoutSeconds' | 'maxWaitSeconds'> }>(
  async (app, { config }) => {
    const { uploadTimeoutSeconds, maxWaitSeconds } = config;
    const gate = new IdempotencyGate({
      database: app.database,
      arrivalMs: uploadTimeoutSeconds * 1000,
      requestMs: (uploadTimeoutSeconds + maxWaitSeconds) * 1000,
      log: app.log,
    });
    app.addHook('onClose', async () => gate.close());
    app.decorateRequest('idempotencyClaim');

    // On its routes and not on the app: no other pays for it. These hooks stand before those of the groups'
    // plugins, so the answer is seen before it is compressed.
    app.addHook('onRoute', (route) => {
      if (![route.method].flat().includes('POST')) return;
      route.preParsing = [...[route.preParsing ?? []].flat(), beforeStream];
      route.preValidation = [beforeValidation, ...[route.preValidation ?? []].flat()];
      route.onSend = [beforeAnswer, ...[route.onSend ?? []].flat()];
    });

    /** A body that streams is tapped before anything is read of it. */
    const beforeStream: preParsingHookHandler = (request, reply, payload, done) => {
      if (keyHeader(request) === undefined || !hasStream(request)) {
        done(null, payload);
        return;
      }
      const body = new BodyTap(request.raw, request.headers['content-type']);
      const refuse = (error: Error): void => {
        linger(request.raw);
        done(error);
      };
      admit(request, reply, body).then(() => done(null, payload), refuse);
    };

    /** JSON is compared as it came, before validation fills in its defaults. */
    const beforeValidation: preValidationHookHandler = (request, reply, done) => {
      if (keyHeader(request) === undefined || request.idempotencyClaim !== undefined) {
        done();
        return;
      }
      admit(request, reply, parsedBody(request)).then(() => done(), done);
    };

    /** The answer is kept before it is sent: a client that has it can rely on it. */
    const beforeAnswer: onSendHookHandler<unknown> = (request, reply, payload, done) => {
      const { idempotencyClaim: claim } = request;
      if (claim === undefined) {
        done(null, payload);
        return;
      }
      request.idempotencyClaim = undefined;
      const { statusCode } = reply;
      // What went wrong after the client had left may be for that very reason.
      const isMoot = reply.raw.destroyed && statusCode >= 300;
      const answer = isMoot ? undefined : answerToKeep(statusCode, reply.getHeaders(), payload);
      gate.settle(claim, answer).then(() => done(null, payload), done);
    };

    /** Lets the request through with a claim, or answers it as the first one was. */
    async function admit(request: FastifyRequest, reply: FastifyReply, body: Body): Promise<void> {
      const { tenantId, method } = request;
      const url = withFields(request);
      const key = parseIdempotencyKey(keyHeader(request) ?? '');
      const maxBodyBytes = request.routeOptions.bodyLimit;
      const admitted = await gate.admit({ tenantId, key, method, url, body, maxBodyBytes });
      if ('claim' in admitted) {
        request.idempotencyClaim = admitted.claim;
        return;
      }
      const { status, headers, body: first } = admitted.answer;
      // Awaited until it is sent, or the request would go on to its route.
      await reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(first);
    }
  },
  { name: 'idempotency', dependencies: ['postgres', 'problem-details', 'request-context'] },
);

/** Path and query, and what else of the request's head says what is asked. */
function withFields({ url, headers, routeOptions }: FastifyRequest): string {
  const fields = routeOptions.config.askingFields ?? [];
  return [url, ...fields.map((name) => `${name}: ${headers[name] ?? ''}`)].join('\n');
}

function keyHeader({ headers }: FastifyRequest): string | undefined {
  const header = headers['idempotency-key'];
  return Array.isArray(header) ? header.join(', ') : header;
}

/** Whether a body comes that is not parsed as JSON: its route reads it itself. */
function hasStream({ headers }: FastifyRequest): boolean {
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  return hasBody && !JSON_TYPE.test(headers['content-type'] ?? '');
}

function parsedBody({ body }: FastifyRequest): Body {
  const digest = jsonDigest(body);
  return { digest: () => digest, drain: async () => digest };
}
