import type { FastifyReply, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Problem } from '../lib/errors.js';
import type { LimitState } from '../lib/http/limit-store.js';
import { anybody, type Caller, isOperator } from '../lib/keys/caller.js';
import { KeyRing } from '../lib/keys/key-ring.js';
import { mayActAs, type Role } from '../lib/keys/role.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly keyRing: KeyRing;
    /** An onRoute hook: whoever calls the route has to say who it is, before anything else is done. */
    readonly guardRoute: (route: RouteOptions) => void;
    /** An onRequest hook for pages that a browser opens: operators only, by HTTP Basic too. */
    readonly authenticateOperator: onRequestHookHandler;
  }
  interface FastifyRequest {
    /** Who makes the request; set before any route of `/v1` is called. */
    caller: Caller;
    /** Whose data the request sees: the caller's tenant. */
    tenantId: string;
  }
  interface FastifyContextConfig {
    /**
     * What a caller must be. Default: `reader` for GET and HEAD, `writer` for everything else; `operator`
     * is an admin of the tenant that runs the service.
     */
    role?: NeededRole;
  }
}

type NeededRole = Role | 'operator';
type Authenticate = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

// Of an address, in 15 minutes; requests with a good key are not counted.
const MAX_FAILURES = 5;
const FAILURE_WINDOW_SECONDS = 15 * 60;
// RFC 6750, 3: what a client that has no key, or a bad one, is told.
const CHALLENGE = 'Bearer realm="halftone"';

/**
 * Who calls: `Authorization: Bearer ht_<prefix>_<secret>` on every route of `/v1`, or a signed link, and
 * what they may do there. A key that is in use costs a look-up in memory. Whoever shows keys that are none is
 * made to wait; keys that are known to be good pass meanwhile, as their users may share the address.
 */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    const ring = new KeyRing({ database: app.database, log: app.log });
    app.decorate('keyRing', ring);
    app.addHook('onClose', () => ring.close());
    app.decorateRequest('caller');
    app.decorateRequest('tenantId', '');

    const isOff = config.auth === 'off';
    app.decorate('guardRoute', (route: RouteOptions) => {
      const authenticate = authenticator(neededBy(route));
      const { links } = app;
      const guard: onRequestHookHandler = (request, reply, done) => {
        if (request.headers.authorization !== undefined || !links.isUsed(request))
          authenticate(request, reply, done);
        else links.admit(request).then((caller) => done(admit(request, caller, 'reader')), done);
      };
      route.onRequest = [guard, ...[route.onRequest ?? []].flat()];
    });
    app.decorate('authenticateOperator', isOff ? admitAnybody : authenticateOperator);

    function admitAnybody(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
      request.caller = anybody;
      request.tenantId = anybody.tenantId;
      done();
    }

    /** What a route needs is settled when it is made: to ask each request for it takes longer than its key. */
    function authenticator(needed: NeededRole): Authenticate {
      if (isOff) return admitAnybody;
      return (request, _reply, done) => {
        const token = tokenOf(request);
        const known = token === undefined ? undefined : ring.peek(token);
        if (known) done(admit(request, known, needed));
        else if (token === undefined) done(keyMissing());
        else lookUp(request, token).then((caller) => done(admit(request, caller, needed)), done);
      };
    }

    function authenticateOperator(
      request: FastifyRequest,
      reply: FastifyReply,
      done: (error?: Error) => void,
    ): void {
      const token = tokenOf(request) ?? passwordOf(request);
      if (token === undefined) {
        reply.header('www-authenticate', 'Basic realm="halftone", charset="UTF-8"');
        done(new Problem('KEY_MISSING', 'The page needs the key of an operator, as the password.'));
        return;
      }
      lookUp(request, token).then((caller) => done(admit(request, caller, 'operator')), done);
    }

    async function lookUp(request: FastifyRequest, token: string): Promise<Caller> {
      const key = `failed-authentication:${request.ip}`;
      const before = await limit((callback) => app.limitStore.read(key, callback));
      if (before.current >= MAX_FAILURES && !ring.hasSeen(token)) throw tooManyFailures(before);
      const caller = await request.timings.measure('db', () => ring.find(token));
      if (caller) return caller;
      const after = await limit((callback) =>
        app.limitStore.incr(key, callback, FAILURE_WINDOW_SECONDS * 1000, MAX_FAILURES),
      );
      if (after.current > MAX_FAILURES) throw tooManyFailures(after);
      throw unauthenticated('KEY_INVALID', 'The key is not known, has run out, or was revoked.');
    }
  },
  { name: 'authentication', dependencies: ['postgres', 'rate-limit', 'links'] },
);

/** Sets who calls. @returns the refusal where the role is too low for the route */
function admit(request: FastifyRequest, caller: Caller, needed: NeededRole): Problem | undefined {
  request.caller = caller;
  request.tenantId = caller.tenantId;
  const may = needed === 'operator' ? isOperator(caller) : mayActAs(caller.role, needed);
  if (may) return undefined;
  const wanted =
    needed === 'operator' ? 'an admin of the tenant that runs the service' : `the role ${needed}`;
  return new Problem('ROLE_TOO_LOW', `The key has the role ${caller.role}; this needs ${wanted}.`);
}

function neededBy({ method, config }: RouteOptions): NeededRole {
  const reads = [method].flat().every((each) => each === 'GET' || each === 'HEAD');
  return config?.role ?? (reads ? 'reader' : 'writer');
}

/** RFC 9110, 11.4 and RFC 6750, 2.1: the scheme in any case. Never in a URL. */
function tokenOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** RFC 7617: what a browser asked its user for. */
function passwordOf({ headers }: FastifyRequest): string | undefined {
  const encoded = /^Basic +([\w+/=-]+) *$/i.exec(headers.authorization ?? '')?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':', 2)[1];
}

function keyMissing(): Problem {
  return unauthenticated(
    'KEY_MISSING',
    'The request needs a key: Authorization: Bearer ht_<prefix>_<secret>.',
  );
}

function unauthenticated(code: 'KEY_MISSING' | 'KEY_INVALID', detail: string): Problem {
  const challenge = code === 'KEY_INVALID' ? `${CHALLENGE}, error="invalid_token"` : CHALLENGE;
  return new Problem(code, detail, { headers: { 'WWW-Authenticate': challenge } });
}

function tooManyFailures({ ttl }: LimitState): Problem {
  return new Problem(
    'RATE_LIMITED',
    `More than ${MAX_FAILURES} keys from this address were not known in ${FAILURE_WINDOW_SECONDS / 60} minutes.`,
    { retryAfter: Math.max(1, Math.ceil(ttl / 1000)) },
  );
}

/** Asks the store of the limits; while that is away nobody is over one. */
function limit(
  ask: (callback: (error: Error | null, state?: LimitState) => void) => void,
): Promise<LimitState> {
  return new Promise((resolve) =>
    ask((error, state) => resolve(error || !state ? { current: 0, ttl: 0 } : state)),
  );
}
