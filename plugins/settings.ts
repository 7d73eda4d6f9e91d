import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly config: Config;
  }
}

/** The configuration, where routes can reach it. */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    app.decorate('config', config);
  },
  { name: 'settings' },
);
