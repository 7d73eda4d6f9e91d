import { newId } from '../ids.js';
import type { Logger } from '../logger.js';
import type { Mailer } from '../notifications/mailer.js';
import type { Alarm, AlarmSink } from './alarm.js';

const SEND_TIMEOUT_MS = 5_000;

/** Alarms as lines of the log: an error when one fires, and a line for its end. */
export function logSink(log: Logger): AlarmSink {
  return {
    name: 'log',
    send: async ({ text, ...alarm }) => {
      if (alarm.state === 'firing') log.error({ alarm }, `alarm: ${text}`);
      else log.info({ alarm }, `all clear: ${text}`);
    },
  };
}

/**
 * Alarms as POSTs to the operator's own URL, which is trusted and may be private. The body is that of our
 * webhooks, `{type, timestamp, data}`, with a `text` that chat services show as it is.
 */
export function webhookSink(url: string): AlarmSink {
  return {
    name: 'webhook',
    send: async (alarm) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          type: `alarm.${alarm.state}`,
          timestamp: alarm.at,
          text: summaryOf(alarm),
          data: alarm,
        }),
        redirect: 'error',
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the receiver of alarms answered ${response.status}`);
    },
  };
}

/** Alarms by e-mail to the operator. */
export function mailSink(mailer: Mailer, to: string): AlarmSink {
  return {
    name: 'mail',
    send: async (alarm) => {
      const { state, source, text, since, at, value, threshold, unit } = alarm;
      const lines = [
        `${text}.`,
        '',
        `Seen by ${source}, since ${since}.`,
        `It was ${value} ${unit} at ${at}; the limit is ${threshold}.`,
      ];
      const subject = `${state === 'firing' ? 'ALARM' : 'All clear'}: ${alarm.rule} (${alarm.subject})`;
      const { outcome, error } = await mailer.send({
        id: newId(),
        to: [to],
        subject,
        text: lines.join('\n'),
      });
      if (outcome !== 'arrived') throw new Error(error ?? 'the mail server did not take it');
    },
  };
}

/** One line for people: what, where, and whether it is over. */
export function summaryOf({ state, rule, source, text }: Alarm): string {
  return `${state === 'firing' ? 'ALARM' : 'All clear'} (Halftone, ${source}, ${rule}): ${text}`;
}
