import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { EventStream } from '../../lib/http/event-stream.js';
import { jobTypes } from '../../lib/jobs/job.js';
import { jobStates } from '../../lib/jobs/state.js';

const EVENTS =
  'Server-Sent Events of kind `state` and `progress`, each with the job as it was then. `Last-Event-ID` goes on where a stream was left, without a gap or a repeat; a comment every 15 s says that it lives.';

const answers = {
  200: {
    description: 'What becomes of jobs, as it happens',
    content: { 'text/event-stream': { schema: {} } },
  },
};

/** For the document only: whatever the header holds is read by hand. */
const headers = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The id of the last event that was seen' })),
});

/** `GET /v1/jobs/{id}/events` and `GET /v1/jobs/events`: what becomes of one job, or of all of a tenant. */
const events: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/jobs/:id/events',
    {
      config: { rateLimitClass: 'general' },
      exposeHeadRoute: false,
      schema: {
        tags: ['jobs'],
        summary: 'Follow one job',
        description: `${EVENTS} Begins with the job as it stands, and ends when the job ends; to come back after that is answered 204.`,
        headers,
        params: Type.Object({ id: Type.String() }),
        response: {
          ...answers,
          204: Type.Null({ description: 'The job has ended, and nothing more will come' }),
        },
      },
    },
    async (request, reply) => {
      const stream = app.eventStreams.open(reply.raw);
      // As in the route of polls: what becomes of a job is told by its id in lower case.
      const id = request.params.id.toLowerCase();
      const start = await request.timings.measure('db', () =>
        app.jobEvents.startOfJob(request.caller, id, request.headers['last-event-id']),
      );
      if (!start) return reply.code(204).header('cache-control', 'no-store').send();
      begin(stream, request, reply);
      if (start.text !== '') stream.write(start.text);
      if (start.ended) stream.end();
      else stream.onClose(app.jobEvents.followJob(id, start.version, request.caller, stream));
      return reply;
    },
  );

  app.get(
    '/jobs/events',
    {
      config: { rateLimitClass: 'general' },
      exposeHeadRoute: false,
      schema: {
        tags: ['jobs'],
        summary: 'Follow all jobs',
        description: `${EVENTS} Begins now. Of what is no longer kept the answer is 410.`,
        headers,
        querystring: Type.Object(
          {
            type: Type.Optional(Type.Enum([...jobTypes], { description: 'Jobs of this type only' })),
            state: Type.Optional(
              Type.Enum([...jobStates], { description: 'Events of jobs in this state only' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: answers,
      },
    },
    async (request, reply) => {
      const stream = app.eventStreams.open(reply.raw);
      const lastId = request.headers['last-event-id'];
      const start = await request.timings.measure('db', () =>
        app.jobEvents.followTenant(request.caller, request.query, lastId),
      );
      stream.onClose(start.stop);
      stream.onHeartbeat(start.heartbeat);
      begin(stream, request, reply, lastId === undefined ? start.id : undefined);
      start.begin(stream);
      return reply;
    },
  );
};

export default events;

/** Takes the answer out of the framework's hands, with the headers that its hooks have set. */
function begin(stream: EventStream, request: FastifyRequest, reply: FastifyReply, id?: string): void {
  reply.hijack();
  stream.begin({ ...reply.getHeaders(), 'server-timing': request.timings.header() }, id);
}
