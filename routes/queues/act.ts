import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { invalidField, Problem } from '../../lib/errors.js';
import { type JobType, jobTypes } from '../../lib/jobs/job.js';
import {
  cleanQueue,
  drainQueue,
  type OperateDeps,
  pauseQueue,
  resumeQueue,
  retryFailed,
} from '../../lib/jobs/operate.js';

/** Each does it and says how many jobs it changed. */
type Action = (deps: OperateDeps, type: JobType, olderThanSeconds: number) => Promise<number>;

const actions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['pause', (deps, type) => pauseQueue(deps, type).then(() => 0)],
  ['resume', (deps, type) => resumeQueue(deps, type).then(() => 0)],
  ['drain', drainQueue],
  ['clean', cleanQueue],
  ['retry', retryFailed],
]);

/** Also none at all: most actions need no body. */
const Body = Type.Unsafe<{ olderThan?: number } | null>({
  type: ['object', 'null'],
  properties: {
    olderThan: {
      type: 'integer',
      minimum: 0,
      description: 'clean: only jobs that ended so many seconds ago',
    },
  },
  additionalProperties: false,
});

/** `POST /v1/queues/{name}/{action}`: what operators do with a whole queue, over all tenants. */
const act: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/queues/:name/:action',
    {
      config: { rateLimitClass: 'general', role: 'operator' },
      schema: {
        tags: ['system'],
        summary: 'Pause, resume, drain, clean or retry a queue',
        description:
          '`pause`: no job is taken any more; `resume`: they are again; `drain`: every queued job is cancelled; `clean`: ended jobs are removed; `retry`: every failed job is begun anew.',
        params: Type.Object({
          name: Type.String({ description: `One of ${jobTypes.join(', ')}` }),
          action: Type.String({ description: `One of ${[...actions.keys()].join(', ')}` }),
        }),
        body: Body,
        response: {
          200: Type.Object({
            name: Type.String({ description: 'The queue' }),
            affected: Type.Integer({ minimum: 0, description: 'Jobs that were changed or removed' }),
          }),
        },
      },
    },
    async (request) => {
      const name = jobTypes.find((type) => type === request.params.name);
      if (name === undefined) {
        throw new Problem('QUEUE_NOT_FOUND', `There is no such queue; there are ${jobTypes.join(', ')}.`);
      }
      const action = actions.get(request.params.action);
      if (action === undefined) {
        throw new Problem('NOT_FOUND', `A queue can ${[...actions.keys()].join(', ')}.`);
      }
      const olderThan = request.body?.olderThan;
      if (olderThan !== undefined && action !== cleanQueue)
        throw invalidField('olderThan', 'is for clean only');
      return { name, affected: await action(app, name, olderThan ?? 0) };
    },
  );
};

export default act;
