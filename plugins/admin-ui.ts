import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { jobTypes } from '../lib/jobs/job.js';

const PATH = '/admin/queues';

/**
 * bull-board at `/admin/queues`, to look at what lies in the queues. Off unless `ADMIN_UI=true`; a browser
 * asks for an operator's key as the password, whatever the name.
 */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    if (!config.adminUi) return;
    const { FastifyAdapter } = await import('@bull-board/fastify');
    const server = new FastifyAdapter();
    server.setBasePath(PATH);
    const board = app.queueBackend.openBoard(jobTypes);
    await board.show(server);
    app.addHook('onClose', () => board.close());
    await app.register(async (pages) => {
      pages.addHook('onRequest', app.authenticateOperator);
      await pages.register(server.registerPlugin(), { prefix: PATH });
    });
  },
  { name: 'admin-ui', dependencies: ['queues', 'authentication'] },
);
