import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { SlowBodies } from '../lib/http/slow-bodies.js';

/** Cuts off, with a 408, whoever sends a body too slowly; before anything else looks at the request. */
export default fp<{ config: Pick<Config, 'bodyIdleSeconds' | 'minBodyBytesPerSecond'> }>(
  async (app, { config }) => {
    const bodies = new SlowBodies(
      { idleSeconds: config.bodyIdleSeconds, minBytesPerSecond: config.minBodyBytesPerSecond },
      ({ method, socket }) =>
        app.log.info({ method, address: socket.remoteAddress }, 'a body came too slowly and was cut off'),
    );
    app.addHook('onRequest', (request, reply, done) => {
      bodies.watch(request.raw, reply.raw);
      done();
    });
    app.addHook('onClose', async () => bodies.close());
  },
  { name: 'slow-bodies', dependencies: ['request-context'] },
);
