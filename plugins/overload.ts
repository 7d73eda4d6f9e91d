import fastifyUnderPressure from '@fastify/under-pressure';
import fp from 'fastify-plugin';

const MAX_EVENT_LOOP_DELAY_MS = 1_000;
const RETRY_AFTER_SECONDS = 2;

/** Answers 503 while the event loop is so far behind that taking more would serve nobody. */
export default fp(
  async (app) => {
    await app.register(fastifyUnderPressure, {
      maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
      retryAfter: RETRY_AFTER_SECONDS,
      exposeStatusRoute: false,
    });
  },
  { name: 'overload' },
);
