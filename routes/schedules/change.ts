import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isUuid, newId } from '../../lib/ids.js';
import { changeSchedule, readSchedule } from '../../lib/schedules/body.js';
import { deleteSchedule, insertSchedule, updateSchedule } from '../../lib/schedules/repository.js';
import { nextRun } from '../../lib/schedules/rhythm.js';
import { presentSchedule, schedulePath } from '../../lib/schedules/schedule.js';
import { NewScheduleSchema, ScheduleChangeSchema } from '../../lib/schedules/schema.js';
import { ref } from '../schemas.js';
import { requireSchedule, scheduleNotFound } from './find.js';

/** Making, changing and deleting schedules. */
const change: FastifyPluginAsyncTypebox = async (app) => {
  const params = Type.Object({ id: Type.String() });

  app.post(
    '/schedules',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['schedules'],
        summary: 'Have an export or a batch made again and again',
        description:
          'Each tick makes one job, however many processes are up. Ticks that were missed while none was up run once, when one is.',
        body: NewScheduleSchema,
        response: { 201: ref('Schedule') },
      },
    },
    async (request, reply) => {
      const settings = readSchedule(request.body);
      const about = { id: newId(), tenantId: request.tenantId, createdAt: new Date() };
      const nextRunAt = settings.enabled ? nextRun({ ...about, ...settings }, about.createdAt) : null;
      const row = await request.timings.measure('db', () =>
        request.database.query('schedules.create', (sql) =>
          insertSchedule(sql, { ...about, nextRunAt }, settings),
        ),
      );
      return reply.code(201).header('location', schedulePath(row.id)).send(presentSchedule(row));
    },
  );

  app.patch(
    '/schedules/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['schedules'],
        summary: 'Change a schedule; what the body does not name stays',
        params,
        body: ScheduleChangeSchema,
        response: { 200: ref('Schedule') },
      },
    },
    async (request) => {
      const row = await requireSchedule(request, request.params.id);
      const settings = changeSchedule(row, request.body);
      const { id, createdAt } = row;
      const nextRunAt = settings.enabled ? nextRun({ id, createdAt, ...settings }, new Date()) : null;
      const changed = await request.timings.measure('db', () =>
        request.database.query('schedules.update', (sql) => updateSchedule(sql, row, settings, nextRunAt)),
      );
      if (!changed) throw scheduleNotFound();
      return presentSchedule(changed);
    },
  );

  app.delete(
    '/schedules/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['schedules'],
        summary: 'Delete a schedule; what it has begun goes on',
        params,
        response: { 204: Type.Null({ description: 'Gone' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const deleted =
        isUuid(id) &&
        (await request.timings.measure('db', () =>
          request.database.query('schedules.delete', (sql) => deleteSchedule(sql, request.tenantId, id)),
        ));
      if (!deleted) throw scheduleNotFound();
      return reply.code(204).send(null);
    },
  );
};

export default change;
