import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import type { Config } from '../lib/config.js';
import { connectRedis } from '../lib/queue/backend.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The connection for limits and caches; undefined where there is no Redis. */
    readonly redis: Redis | undefined;
  }
}

/** A Redis connection of the API's own, apart from the queue's. */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    const redis =
      config.redisUrl === undefined
        ? undefined
        : connectRedis(config.redisUrl, 'halftone-api', false, app.log);
    app.decorate('redis', redis);
    app.addHook('onClose', async () => redis?.disconnect());
  },
  { name: 'redis' },
);
