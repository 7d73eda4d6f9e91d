import fastifyUnderPressure from '@fastify/under-pressure';
import fp from 'fastify-plugin';
import { Problem } from '../lib/errors.js';

const MAX_EVENT_LOOP_DELAY_MS = 1_000;
const RETRY_AFTER_SECONDS = 2;
/** What the start itself held up is seen until the second sample after it. */
const SETTLE_MS = 2_500;

/** Answers 503 while the event loop is so far behind that taking more would serve nobody. */
export default fp(
  async (app) => {
    let settledAt = Number.POSITIVE_INFINITY;
    app.addHook('onListen', (done) => {
      settledAt = performance.now() + SETTLE_MS;
      done();
    });
    await app.register(fastifyUnderPressure, {
      maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
      exposeStatusRoute: false,
      pressureHandler: async () => {
        if (performance.now() < settledAt) return;
        throw new Problem('OVERLOADED', 'The server is overloaded; try again.', {
          retryAfter: RETRY_AFTER_SECONDS,
        });
      },
    });
  },
  { name: 'overload' },
);
