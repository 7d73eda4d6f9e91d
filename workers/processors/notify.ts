import type { Breakers } from '../../lib/breaker/breakers.js';
import type { Config } from '../../lib/config.js';
import type { Database } from '../../lib/database/client.js';
import { Cancelled } from '../../lib/jobs/cancelled.js';
import type { Dispatcher } from '../../lib/jobs/dispatcher.js';
import type { JobRowOf } from '../../lib/jobs/job.js';
import { postponeJob } from '../../lib/jobs/postpone.js';
import { cancelledAmong } from '../../lib/jobs/repository.js';
import type { Logger } from '../../lib/logger.js';
import type { Attempt } from '../../lib/notifications/attempt.js';
import { GIVE_UP_MS } from '../../lib/notifications/backoff.js';
import { insertDeliveries, type PlannedDelivery } from '../../lib/notifications/deliveries.js';
import type { DeliveryRow } from '../../lib/notifications/delivery-row.js';
import { loadDelivery, type Target } from '../../lib/notifications/load-delivery.js';
import { switchedOffText } from '../../lib/notifications/mail-text.js';
import type { Mailer } from '../../lib/notifications/mailer.js';
import { deliveryFailed, putBack, recordPostponed } from '../../lib/notifications/record-attempt.js';
import { sendWebhook } from '../../lib/notifications/send-webhook.js';
import { settle } from '../../lib/notifications/settle.js';
import type { Outbound } from '../../lib/outbound/client.js';
import type { Lanes } from '../lanes.js';
import type { JobContext, Processor } from './processor.js';

/** What deliveries are made with. */
export interface NotifyDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly outbound: Outbound;
  /** Undefined where there is no mail server. */
  readonly mailer: Mailer | undefined;
  readonly breakers: Breakers;
  readonly lanes: Lanes;
  readonly config: Pick<Config, 'webhookTimeoutSeconds' | 'mailTo' | 'smtpUrl'>;
  readonly log: Logger;
}

type NotifyJob = JobRowOf<'notify'>;

/** A delivery in hand, and what was counted of it before. */
interface InHand {
  readonly delivery: DeliveryRow;
  readonly target: Target;
  readonly attempts: number;
  readonly giveUpAt: Date;
}

// Timers and clocks differ by so much.
const EARLY_MS = 1_000;
// Those that wait for the same host do not come back in the same moment.
const SPREAD = 0.2;
const LEFT_ALONE = 'The host has failed again and again, and is left alone for a while.';

/**
 * Delivers one message: to a webhook, or by e-mail. A failed attempt is recorded and the job put off; one
 * whose host is down, or busy with others, is put off without an attempt, and holds up nobody.
 */
export function notifyProcessor(deps: NotifyDeps): Processor<'notify'> {
  const { database, breakers, lanes } = deps;
  return {
    type: 'notify',
    run: async (job, context) => {
      if (job.runAt && job.runAt.getTime() > Date.now() + EARLY_MS) {
        await database.query('jobs.putBack', (sql) => putBack(sql, job.id));
        return context.waits();
      }
      const inHand = await load(deps, job);
      const { host, dependency } = inHand.target;
      const lane = `${dependency} ${host}`;
      const full = lanes.enter(lane, job.tenantId);
      if (full > 0) return putOff(deps, inHand, full, undefined, context);
      const down = breakers.enter(dependency, host);
      if (down > 0) {
        lanes.leave(lane, job.tenantId);
        return putOff(deps, inHand, down, LEFT_ALONE, context);
      }
      const started = performance.now();
      const attempt = await send(deps, inHand, context.signal).finally(() =>
        lanes.leave(lane, job.tenantId, performance.now() - started),
      );
      await finish(deps, inHand, attempt, context);
    },
  };
}

/** A job begun anew has no error yet: it counts from the start. */
async function load({ database }: NotifyDeps, job: NotifyJob): Promise<InHand> {
  const { delivery, target } = await loadDelivery(database, job.request.deliveryId);
  return job.error === null
    ? { delivery, target, attempts: 0, giveUpAt: new Date(Date.now() + GIVE_UP_MS) }
    : { delivery, target, attempts: delivery.attempts, giveUpAt: delivery.giveUpAt };
}

async function send(deps: NotifyDeps, { delivery, target }: InHand, signal: AbortSignal): Promise<Attempt> {
  const { breakers } = deps;
  const { dependency, host } = target;
  try {
    const attempt = await sendTo(deps, delivery, target, signal);
    breakers.leave(attempt.host, dependency, host);
    return attempt;
  } catch (error) {
    // Cancelled, or a fault of ours.
    breakers.leave('withdrawn', dependency, host);
    throw error;
  }
}

function sendTo(
  { outbound, mailer, config }: NotifyDeps,
  { id, payload }: DeliveryRow,
  target: Target,
  signal: AbortSignal,
): Promise<Attempt> {
  if (target.dependency === 'smtp') {
    if (!mailer) throw deliveryFailed('This service cannot send e-mail any more: SMTP_URL is unset.');
    return mailer.send({ id, ...target.mail, text: payload });
  }
  const { url, secrets } = target;
  return sendWebhook(
    outbound,
    { id, url, body: payload, secrets },
    config.webhookTimeoutSeconds * 1000,
    signal,
  );
}

/** Has the job come back later, without an attempt. @param why undefined: nothing has failed */
async function putOff(
  { database, dispatcher }: NotifyDeps,
  { delivery: { id }, attempts, giveUpAt }: InHand,
  waitMs: number,
  why: string | undefined,
  context: JobContext,
): Promise<void> {
  const runAt = new Date(Date.now() + Math.round(waitMs * (1 + SPREAD * Math.random())));
  if (runAt > giveUpAt) throw deliveryFailed(why ?? 'It could not be tried in time.');
  const error = why === undefined ? undefined : deliveryFailed(why).toJSON();
  const again = await database.transaction('deliveries.postpone', async (sql) => {
    await recordPostponed(sql, id, runAt, giveUpAt);
    return postponeJob(sql, id, { attempts, runAt, ...(error && { error }) });
  });
  if (!again) return leaveUnfinished(database, id, context);
  await dispatcher.dispatch(again);
  context.waits();
}

/** Records how an attempt went, and goes on from there. */
async function finish(
  { database, dispatcher, log, config }: NotifyDeps,
  { delivery, attempts, giveUpAt }: InHand,
  attempt: Attempt,
  context: JobContext,
): Promise<void> {
  const { outcome, jobs } = await database.transaction('deliveries.settle', async (sql) => {
    const { again, switchedOff, ...settled } = await settle(sql, { delivery, attempts, giveUpAt, attempt });
    if (switchedOff !== undefined)
      log.warn({ webhook: delivery.webhookId, reason: switchedOff }, 'a webhook was switched off');
    const notices =
      switchedOff === undefined ? [] : await insertDeliveries(sql, notice(config, delivery, switchedOff));
    return { ...settled, jobs: again ? [again, ...notices] : notices };
  });
  await dispatcher.dispatch(...jobs);
  if (outcome === 'failed') throw deliveryFailed(attempt.error ?? 'The receiver did not take it.');
  if (outcome === 'postponed') context.waits();
  if (outcome === 'changed') await leaveUnfinished(database, delivery.id, context);
}

/** Tells the operator by e-mail, where there is one to tell. */
function notice(
  { mailTo, smtpUrl }: NotifyDeps['config'],
  { tenantId, webhookId }: DeliveryRow,
  reason: string,
): PlannedDelivery[] {
  if (mailTo === undefined || smtpUrl === undefined || webhookId === null) return [];
  const { subject, text } = switchedOffText(webhookId, reason);
  const mail = { to: [mailTo], subject };
  const origin = { requestId: null, traceparent: null };
  return [{ delivery: { tenantId, type: 'notice', payload: text, mail }, origin }];
}

/** The job is not ours any more: it is being cancelled, or another delivery of it came first. */
async function leaveUnfinished(database: Database, id: string, context: JobContext): Promise<void> {
  const cancelled = await database.query('jobs.cancelledAmong', (sql) => cancelledAmong(sql, [id]));
  if (cancelled.length > 0) throw new Cancelled();
  context.waits();
}
