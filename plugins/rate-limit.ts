import fastifyRateLimit from '@fastify/rate-limit';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Problem } from '../lib/errors.js';
import { sharedLimitStore } from '../lib/http/shared-limit-store.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which limit counts the route's requests; routes without one are not limited. */
    rateLimitClass?: RateLimitClass;
  }
}

/** Cheap requests, and those that cost pixels, disk or long queries. */
export type RateLimitClass = 'general' | 'expensive';

/**
 * Two limits a client address: general and expensive. Counted in Redis where there is one, so that all
 * API processes count together; while Redis is away requests pass, because a limit is no reason to
 * refuse service.
 */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    await app.register(fastifyRateLimit, {
      global: false,
      timeWindow: config.rateLimitWindowSeconds * 1000,
      skipOnError: true,
      cache: 50_000,
      ...(app.redis && { store: sharedLimitStore(app.redis, '{halftone}:limit:') }),
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
      // Each class counts in a store of its own: the plugin's groupId does not keep them apart.
      const check = app.createRateLimit({
        max,
        keyGenerator: (request: FastifyRequest) => `${name}:${request.ip}`,
      });
      const policy = `"${name}";q=${max};w=${config.rateLimitWindowSeconds}`;
      // By callback: the promise of a hook costs a cached poll more than the check does.
      return (request, reply, done) => {
        check(addressOf(request)).then((state) => {
          if (state.isAllowed) return done();
          const seconds = Math.max(1, state.ttlInSeconds);
          // https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (fields of version 8 on)
          reply
            .header('ratelimit-policy', policy)
            .header('ratelimit', `"${name}";r=${state.remaining};t=${seconds}`);
          return state.isExceeded ? done(exceeded(seconds)) : done();
        }, done);
      };

      function exceeded(seconds: number): Problem {
        const detail = `At most ${max} requests in ${config.rateLimitWindowSeconds} s.`;
        return new Problem('RATE_LIMITED', detail, { retryAfter: seconds });
      }
    }
  },
  { name: 'rate-limit', dependencies: ['redis', 'problem-details'] },
);

const NO_OPTIONS = { config: {} };

/**
 * What the plugin's check reads of a request. To hand it the request itself would have Fastify build the
 * route's options anew for each, which costs more than the check.
 */
function addressOf({ ip }: FastifyRequest): FastifyRequest {
  return { ip, routeOptions: NO_OPTIONS } as unknown as FastifyRequest;
}
