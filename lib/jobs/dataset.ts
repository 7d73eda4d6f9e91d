import { Type } from 'typebox';
import { jobAuditColumns, jobAuditField } from '../audit.js';
import { createdFilters } from '../lists/created-filters.js';
import { object, pathOf, plainText, value } from '../lists/field.js';
import type { ExportedDataset, ListedDataset } from '../lists/list.js';
import { exportPath, importReportPath, jobEventsPath, jobPath, renditionsPath, retryPath } from '../paths.js';
import { type JobRow, jobTypes, priorities } from './job.js';
import { JobSchema } from './schema.js';
import { jobStates } from './state.js';

/** Never negative, as the API shows it: the clocks of two machines may differ. Null until both are known. */
const millisecondsBetween = (from: string, to: string): string =>
  `case when ${from} is not null and ${to} is not null
    then greatest(0, extract(epoch from ${to} - ${from}) * 1000)::bigint end`;

/** Jobs as lists and exports see them. */
export const jobDataset: ListedDataset<JobRow> & ExportedDataset = {
  name: 'jobs',
  table: 'jobs',
  schema: JobSchema,
  columns: {
    id: ['id'],
    type: ['type'],
    state: ['state'],
    progress: ['progress'],
    attempts: ['attemptsMade', 'attemptsMax'],
    priority: ['priority'],
    imageId: ['imageId'],
    parentId: ['parentId'],
    runAt: ['runAt'],
    createdAt: ['createdAt'],
    startedAt: ['startedAt'],
    finishedAt: ['finishedAt'],
    waitMs: ['createdAt', 'startedAt'],
    runMs: ['startedAt', 'finishedAt'],
    error: ['error'],
    result: ['result'],
    audit: jobAuditColumns,
    links: ['type', 'state', 'result'],
  },
  fields: {
    id: value('uuid', 'jobs.id'),
    type: plainText('jobs.type'),
    state: plainText('jobs.state'),
    progress: value('integer', 'jobs.progress'),
    attempts: object({
      made: value('integer', 'jobs.attempts_made'),
      max: value('integer', 'jobs.attempts_max'),
    }),
    priority: plainText('jobs.priority'),
    imageId: value('uuid', 'jobs.image_id'),
    parentId: value('uuid', 'jobs.parent_id'),
    runAt: value('timestamp', 'jobs.run_at'),
    createdAt: value('timestamp', 'jobs.created_at'),
    startedAt: value('timestamp', 'jobs.started_at'),
    finishedAt: value('timestamp', 'jobs.finished_at'),
    waitMs: value('bigint', millisecondsBetween('jobs.created_at', 'jobs.started_at')),
    runMs: value('bigint', millisecondsBetween('jobs.started_at', 'jobs.finished_at')),
    error: value('json', 'jobs.error'),
    result: value('json', 'jobs.result'),
    audit: jobAuditField,
    links: object(
      {
        self: pathOf(jobPath, 'jobs.id'),
        events: pathOf(jobEventsPath, 'jobs.id'),
        cancel: plainText(
          `case when jobs.state in ('queued', 'active') then ${pathOf(jobPath, 'jobs.id').sql} end`,
        ),
        retry: plainText(
          `case when jobs.state in ('failed', 'cancelled') then ${pathOf(retryPath, 'jobs.id').sql} end`,
        ),
        result: plainText(
          `case when jobs.state <> 'completed' then null
            when jobs.type = 'resize' then ${pathOf(renditionsPath, "jobs.result ->> 'imageId'").sql}
            when jobs.type = 'export' then ${pathOf(exportPath, "jobs.result ->> 'exportId'").sql}
            when jobs.type = 'import' then ${pathOf(importReportPath, 'jobs.id').sql} end`,
        ),
      },
      { omitsNull: true },
    ),
  },
  ownFields: [
    'id',
    'type',
    'state',
    'progress',
    'attempts',
    'priority',
    'imageId',
    'parentId',
    'runAt',
    'createdAt',
    'startedAt',
    'finishedAt',
    'waitMs',
    'runMs',
    'error',
    'result',
  ],
  filters: {
    state: { column: 'state', type: 'text', operator: '=', schema: Type.Enum([...jobStates]) },
    type: { column: 'type', type: 'text', operator: '=', schema: Type.Enum([...jobTypes]) },
    priority: { column: 'priority', type: 'text', operator: '=', schema: Type.Enum([...priorities]) },
    imageId: { column: 'image_id', type: 'uuid', operator: '=', schema: Type.String({ format: 'uuid' }) },
    parentId: { column: 'parent_id', type: 'uuid', operator: '=', schema: Type.String({ format: 'uuid' }) },
    ...createdFilters,
  },
};
