import { Breakers } from '../lib/breaker/breakers.js';
import type { Config } from '../lib/config.js';
import { openMailer } from '../lib/notifications/mailer.js';
import { openOutbound } from '../lib/outbound/client.js';
import { Lanes } from './lanes.js';
import { type OutboxDeps, startOutbox } from './outbox.js';
import { notifyProcessor } from './processors/notify.js';
import type { Processor } from './processors/processor.js';

/** What a worker tells others with. */
export interface Notifications {
  readonly processor: Processor<'notify'>;
  /** For the metrics: which hosts are left alone. */
  readonly breakers: Breakers;
  /** Makes no more deliveries; call it before the consumers are closed. */
  stop(): Promise<void>;
  /** Ends the connections; call it after. */
  close(): Promise<void>;
}

/** Deliveries that a process makes at a time. They wait for others and cost next to nothing. */
export const DELIVERIES_AT_ONCE = 32;
const LIMITS = { perHost: 2, perTenant: 24 };

/** Opens what deliveries are made with, and begins to empty the outbox. */
export function startNotifications(deps: OutboxDeps, config: Config): Notifications {
  const { smtpUrl, mailFrom } = config;
  const outbound = openOutbound(config);
  const mailer = smtpUrl === undefined ? undefined : openMailer(smtpUrl, mailFrom);
  const breakers = new Breakers();
  const outbox = startOutbox(deps);
  const lanes = new Lanes(LIMITS);
  return {
    processor: notifyProcessor({ ...deps, outbound, mailer, breakers, lanes, config }),
    breakers,
    stop: () => outbox.close(),
    close: async () => {
      mailer?.close();
      await outbound.close();
    },
  };
}
