import type { Database, Executor } from '../database/client.js';
import type { ExportBody } from '../exports/body.js';
import { insertExport } from '../exports/repository.js';
import { newId } from '../ids.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import { type JobRow, type JobRowOf, presentJob } from '../jobs/job.js';
import { insertJob } from '../jobs/repository.js';
import { insertDeliveries, type NewDelivery } from '../notifications/deliveries.js';
import { jobEndText } from '../notifications/mail-text.js';
import type { NotifyOptions } from '../notifications/notify-options.js';
import type { BatchResult } from './batch.js';
import { goingBatch } from './member-rows.js';
import type { BatchRow } from './repository.js';
import { type BatchState, isOver } from './result.js';

/** What steps are started with. */
export interface StepDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
}

/** The batch whose step it is, in the row of the step's job. */
interface StepOf {
  readonly stepOf: string;
  readonly step: number;
}

/**
 * Starts every step that has not begun, and whose turn has come: all that it depends on has ended.
 *
 * @returns whether one was started
 */
export async function startSteps(
  deps: StepDeps,
  job: JobRowOf<'batch'>,
  { batch, result }: BatchState,
): Promise<boolean> {
  const over = new Set(result.steps.filter(isOver).map(({ name }) => name));
  let started = false;
  for (const [index, { dependsOn }] of batch.steps.entries()) {
    const ready = result.steps[index]?.state === 'waiting' && dependsOn.every((name) => over.has(name));
    if (ready && (await startStep(deps, job, batch, result, index))) started = true;
  }
  return started;
}

/** One transaction under the lock of the batch's row: of two that start the same step one does. */
async function startStep(
  { database, dispatcher }: StepDeps,
  job: JobRowOf<'batch'>,
  batch: BatchRow,
  result: BatchResult,
  index: number,
): Promise<boolean> {
  const made = await database.transaction('batches.startStep', async (sql) => {
    const [free] = await sql`
      select from batches where id = ${batch.id} and run = ${batch.run} and not step_jobs ? ${String(index)} for update`;
    const [going] = free ? await sql`with going as (${goingBatch(sql, batch.id)}) select from going` : [];
    if (!going) return [];
    const jobs = await insertStep(sql, job, batch, result, index);
    const ids = JSON.stringify({ [index]: jobs.map(({ id }) => id) });
    await sql`update batches set step_jobs = step_jobs || ${ids}::text::jsonb where id = ${batch.id}`;
    return jobs;
  });
  for (const each of made) await dispatcher.dispatch(each);
  return made.length > 0;
}

async function insertStep(
  sql: Executor,
  job: JobRowOf<'batch'>,
  batch: BatchRow,
  result: BatchResult,
  index: number,
): Promise<JobRow[]> {
  const step = batch.steps[index];
  const place = { stepOf: job.id, step: index };
  if (step?.type === 'export') return [await insertExportStep(sql, job, place, step.export)];
  if (step?.type === 'notify') return insertNotifyStep(sql, job, place, result, step.notify);
  throw new Error('a batch has no such step');
}

async function insertExportStep(
  sql: Executor,
  { tenantId, requestId, traceparent, priority, attemptsMax }: JobRowOf<'batch'>,
  place: StepOf,
  body: ExportBody,
): Promise<JobRow> {
  const id = newId();
  const { dataset, format, compression } = body;
  const job = await insertJob(sql, {
    ...place,
    id: newId(),
    tenantId,
    requestId,
    traceparent,
    priority,
    attemptsMax,
    type: 'export',
    imageId: null,
    request: { exportId: id },
  });
  await insertExport(sql, { id, tenantId, jobId: job.id, dataset, format, compression, request: body });
  return job;
}

/** Tells that the members have ended: what is told is the batch as it ends, should no later step change that. */
async function insertNotifyStep(
  sql: Executor,
  batch: JobRowOf<'batch'>,
  place: StepOf,
  result: BatchResult,
  { webhookId, email }: NotifyOptions,
): Promise<JobRow[]> {
  const { tenantId, requestId, traceparent } = batch;
  const now = new Date();
  const data = presentJob({ ...batch, state: 'completed', progress: 100, result, finishedAt: now });
  const type = 'batch.completed';
  const origin = { requestId, traceparent, ...place };
  const deliveries: NewDelivery[] = [];
  if (webhookId !== undefined) {
    const payload = JSON.stringify({ type, timestamp: now.toISOString(), data });
    deliveries.push({ tenantId, type, payload, webhookId });
  }
  if (email) {
    const { subject, text } = jobEndText(data, undefined);
    deliveries.push({ tenantId, type, payload: text, mail: { to: email, subject } });
  }
  return insertDeliveries(
    sql,
    deliveries.map((delivery) => ({ delivery, origin })),
  );
}
