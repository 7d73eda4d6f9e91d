import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import { findSchedule } from '../../lib/schedules/repository.js';
import type { ScheduleRow } from '../../lib/schedules/schedule.js';

/**
 * The schedule that a request's path names.
 *
 * @throws Problem SCHEDULE_NOT_FOUND (404), also for an id that is no UUID
 */
export async function requireSchedule(request: FastifyRequest, id: string): Promise<ScheduleRow> {
  const { database } = request;
  const found = isUuid(id)
    ? await request.timings.measure('db', () =>
        database.query('schedules.find', (sql) => findSchedule(sql, request.tenantId, id)),
      )
    : undefined;
  if (!found) throw scheduleNotFound();
  return found;
}

/** The 404 of a schedule. */
export function scheduleNotFound(): Problem {
  return new Problem('SCHEDULE_NOT_FOUND', 'There is no schedule of this id.');
}
