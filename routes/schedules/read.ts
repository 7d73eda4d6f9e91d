import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { listRows } from '../../lib/lists/list.js';
import { scheduleList } from '../../lib/schedules/repository.js';
import { presentSchedule } from '../../lib/schedules/schedule.js';
import { listAnswer, listQuery, ref } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireSchedule } from './find.js';

/** `GET /v1/schedules` and `GET /v1/schedules/{id}`. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/schedules',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['schedules'],
        summary: 'List schedules',
        querystring: listQuery(scheduleList),
        response: { 200: listAnswer(scheduleList.schema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, scheduleList, request.tenantId, request.query),
      );
      return sendList(request, reply, listing, presentSchedule);
    },
  );

  app.get(
    '/schedules/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['schedules'],
        summary: 'One schedule',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Schedule') },
      },
    },
    async (request) => presentSchedule(await requireSchedule(request, request.params.id)),
  );
};

export default read;
