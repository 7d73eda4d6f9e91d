import fastifyRateLimit from '@fastify/rate-limit';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Problem } from '../lib/errors.js';
import { type LimitState, type LimitStore, LocalLimitStore } from '../lib/http/limit-store.js';
import { SharedLimitStore } from '../lib/http/shared-limit-store.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly limitStore: LimitStore;
  }
  interface FastifyContextConfig {
    /** Which limit counts the route's requests; routes without one are not limited. */
    rateLimitClass?: RateLimitClass;
  }
}

/** Cheap requests, and those that cost pixels, disk or long queries. */
export type RateLimitClass = 'general' | 'expensive';

/**
 * Two limits a client, by its key or else by its address: general and expensive. Counted in Redis where there is one, so that all
 * API processes count together; while Redis is away requests pass, because a limit is no reason to
 * refuse service.
 */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    const windowMs = config.rateLimitWindowSeconds * 1000;
    const store: LimitStore = app.redis
      ? new SharedLimitStore(app.redis, '{halftone}:limit:')
      : new LocalLimitStore();
    app.decorate('limitStore', store);
    await app.register(fastifyRateLimit, {
      global: false,
      timeWindow: windowMs,
      skipOnError: true,
      store: class {
        incr = store.incr.bind(store);
        read = store.read.bind(store);
        child() {
          return this;
        }
      },
    });
    const limiters: Record<RateLimitClass, onRequestHookHandler | undefined> = {
      general: limiter('general', config.rateLimitMax),
      expensive: limiter('expensive', config.rateLimitExpensiveMax),
    };

    app.addHook('onRoute', (route) => {
      const limit = route.config?.rateLimitClass && limiters[route.config.rateLimitClass];
      if (limit) route.onRequest = [...[route.onRequest ?? []].flat(), limit];
    });

    function limiter(name: RateLimitClass, max: number): onRequestHookHandler | undefined {
      if (max === 0) return undefined;
      const keyOf = ({ caller, ip }: FastifyRequest): string => `${name}:${caller.keyId ?? ip}`;
      const check = app.createRateLimit({ max, keyGenerator: keyOf });
      const policy = `"${name}";q=${max};w=${config.rateLimitWindowSeconds}`;
      // The store counts, mostly in this very turn of the event loop; the plugin judges those that it finds
      // over the limit. To have it judge every request would take a poll of a cached job a fifth longer.
      return (request, reply, done) => {
        const judge = (error: Error | null, state?: LimitState): void => {
          if (error || state === undefined) {
            done();
            return;
          }
          const seconds = Math.max(1, Math.ceil(state.ttl / 1000));
          // https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (fields of version 8 on)
          reply
            .header('ratelimit-policy', policy)
            .header('ratelimit', `"${name}";r=${Math.max(0, max - state.current)};t=${seconds}`);
          if (state.current <= max) done();
          else refuse(request, seconds, done);
        };
        store.incr(keyOf(request), judge, windowMs, max);
      };

      function refuse(request: FastifyRequest, seconds: number, done: (error?: Error) => void): void {
        check(request, { increment: false }).then(
          (verdict) => done(!verdict.isAllowed && verdict.isExceeded ? exceeded(seconds) : undefined),
          done,
        );
      }

      function exceeded(seconds: number): Problem {
        const detail = `At most ${max} requests in ${config.rateLimitWindowSeconds} s.`;
        return new Problem('RATE_LIMITED', detail, { retryAfter: seconds });
      }
    }
  },
  { name: 'rate-limit', dependencies: ['redis', 'problem-details'] },
);
