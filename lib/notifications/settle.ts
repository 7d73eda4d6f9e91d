import type { Executor } from '../database/client.js';
import type { JobRow } from '../jobs/job.js';
import { postponeJob } from '../jobs/postpone.js';
import { completeJob } from '../jobs/repository.js';
import { disableWebhook, markFailing, markWell } from '../webhooks/repository.js';
import type { Attempt } from './attempt.js';
import { MAX_ATTEMPTS, retryDelay } from './backoff.js';
import type { DeliveryRow } from './delivery-row.js';
import { deliveryFailed, recordAttempt } from './record-attempt.js';

/** Days of nothing but failures after which a webhook is switched off. */
const FAILING_DAYS = 3;

const GONE = 'It answered 410 Gone.';
const FAILING = `Every attempt has failed for ${FAILING_DAYS} days.`;

/** A delivery that was tried, with what its job counted before. */
export interface Tried {
  readonly delivery: DeliveryRow;
  /** Attempts before this one. */
  readonly attempts: number;
  readonly giveUpAt: Date;
  readonly attempt: Attempt;
}

/** What came of an attempt. */
export interface Settled {
  /** `ended`: the job is completed. `changed`: it was not ours any more. `failed`: it is to be failed. */
  readonly outcome: 'ended' | 'changed' | 'postponed' | 'failed';
  /** The job to dispatch, where it was put off. */
  readonly again?: JobRow;
  /** Why its webhook was switched off, where that is so. */
  readonly switchedOff?: string;
}

/** Records what came of an attempt, in the transaction `sql`. A job that is to be failed its consumer fails. */
export async function settle(sql: Executor, tried: Tried): Promise<Settled> {
  return tried.attempt.outcome === 'arrived' ? settleArrived(sql, tried) : settleFailed(sql, tried);
}

async function settleArrived(sql: Executor, { delivery, ...tried }: Tried): Promise<Settled> {
  const { id, webhookId } = delivery;
  const { attempt, giveUpAt } = tried;
  await recordAttempt(sql, id, attempt, { attempts: tried.attempts + 1, giveUpAt, next: null });
  if (webhookId !== null) await markWell(sql, webhookId);
  const ended = await completeJob(sql, id, { deliveryId: id, status: attempt.status });
  return { outcome: ended ? 'ended' : 'changed' };
}

async function settleFailed(
  sql: Executor,
  { delivery, attempt, giveUpAt, ...tried }: Tried,
): Promise<Settled> {
  const { id, webhookId } = delivery;
  const attempts = tried.attempts + 1;
  const runAt = new Date(Date.now() + retryDelay(attempts));
  const isLast = attempt.outcome !== 'failed' || attempts >= MAX_ATTEMPTS || runAt > giveUpAt;
  await recordAttempt(sql, id, attempt, { attempts, giveUpAt, next: isLast ? null : runAt });
  const off = webhookId === null ? undefined : await switchOff(sql, webhookId, attempt);
  const switchedOff = off === undefined ? {} : { switchedOff: off };
  if (isLast) return { outcome: 'failed', ...switchedOff };
  const error = deliveryFailed(attempt.error ?? 'It failed.').toJSON();
  const again = await postponeJob(sql, id, { attempts, runAt, error });
  return again ? { outcome: 'postponed', again, ...switchedOff } : { outcome: 'changed', ...switchedOff };
}

/** @returns why the webhook was switched off; undefined where it was not */
async function switchOff(
  sql: Executor,
  webhookId: string,
  { outcome }: Attempt,
): Promise<string | undefined> {
  if (outcome === 'gone') return (await disableWebhook(sql, webhookId, GONE)) ? GONE : undefined;
  return (await markFailing(sql, webhookId, FAILING_DAYS, FAILING)) ? FAILING : undefined;
}
