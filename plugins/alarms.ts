import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { AlarmSink } from '../lib/alarms/alarm.js';
import { ProcessWatch } from '../lib/alarms/process-watch.js';
import { ServiceWatch } from '../lib/alarms/service-watch.js';
import { logSink, mailSink, webhookSink } from '../lib/alarms/sinks.js';
import type { Config } from '../lib/config.js';
import { openMailer } from '../lib/notifications/mailer.js';

/**
 * Looks for trouble every `ALERT_INTERVAL_SECONDS`, from when the server listens until it drains: each
 * process at itself, and one of them at the whole service.
 */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    if (config.alertIntervalSeconds === 0) return;
    const sinks = sinksOf(app, config);
    const intervalMs = config.alertIntervalSeconds * 1000;
    let timer: NodeJS.Timeout | undefined;
    let looking: Promise<unknown> = Promise.resolve();

    app.addHook('onListen', async () => {
      const watches = watchesOf(app, config, sinks);
      const next = (): void => {
        timer = setTimeout(() => {
          looking = look().finally(() => {
            if (!app.closing.aborted) next();
          });
        }, intervalMs);
        timer.unref();
      };
      const look = async (): Promise<void> => {
        // What ends as it should is no alarm.
        if (app.health.draining) return;
        for (const [name, watch] of Object.entries(watches))
          await watch
            .look()
            .catch((error) => app.log.warn({ err: error, watch: name }, 'alarms were not looked for'));
      };
      next();
    });
    app.addHook('preClose', async () => {
      clearTimeout(timer);
      await looking;
    });
  },
  { name: 'alarms', dependencies: ['metrics', 'postgres', 'health', 'request-context'] },
);

/** The log, and what the operator has named beside it. */
function sinksOf(app: FastifyInstance, config: Config): AlarmSink[] {
  const { alertWebhookUrl, alertEmail, smtpUrl, mailFrom } = config;
  const sinks = [logSink(app.log)];
  if (alertWebhookUrl !== undefined) sinks.push(webhookSink(alertWebhookUrl));
  if (alertEmail !== undefined && smtpUrl !== undefined) {
    const mailer = openMailer(smtpUrl, mailFrom);
    app.addHook('onClose', async () => mailer.close());
    sinks.push(mailSink(mailer, alertEmail));
  }
  return sinks;
}

function watchesOf(
  app: FastifyInstance,
  config: Config,
  sinks: readonly AlarmSink[],
): { process: ProcessWatch; service: ServiceWatch } {
  const common = {
    thresholds: config,
    policy: { holdMs: config.alertHoldSeconds * 1000, cooldownMs: config.alertCooldownSeconds * 1000 },
    sinks,
    log: app.log,
    now: Date.now,
  };
  const address = app.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    process: new ProcessWatch({
      ...common,
      source: `${hostname()}:${port ?? config.port}`,
      metrics: () => app.metrics.snapshots(),
      // Where everything runs in one place, the service's own look at its workers says the same.
      watchesWorker: config.role === 'worker',
    }),
    service: new ServiceWatch({ ...common, database: app.database }),
  };
}
