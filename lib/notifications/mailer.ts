import { within } from '../deadline.js';
import { systemErrorCode } from '../errors.js';
import type { Attempt } from './attempt.js';
import type { MailHead } from './delivery-row.js';

/** A message by e-mail. */
export interface MailMessage extends MailHead {
  /** The same in every attempt, so that a reader's program knows the second one. */
  readonly id: string;
  readonly text: string;
}

/** Sends e-mail. */
export interface Mailer {
  /** Tries once; it does not fail. */
  send(message: MailMessage): Promise<Attempt>;
  close(): void;
}

const STEP_TIMEOUT_MS = 10_000;
const TOTAL_TIMEOUT_MS = 30_000;

/**
 * Opens the mailer: a connection a message.
 *
 * @param smtpUrl such as `smtps://user:password@mail.example.com`
 */
export function openMailer(smtpUrl: string, from: string): Mailer {
  const transport = openTransport(smtpUrl);
  const domain = /@([^>]+)/.exec(from)?.[1] ?? 'localhost';
  return {
    send: async ({ id, to, subject, text }) => {
      try {
        const { rejected } = await within(
          transport.then((open) =>
            open.sendMail({ from, to: [...to], subject, text, messageId: `<${id}@${domain}>` }),
          ),
          TOTAL_TIMEOUT_MS,
        );
        const error = rejected.length > 0 ? `The mail server refused ${rejected.join(', ')}.` : null;
        return { outcome: 'arrived', status: null, error, response: null, host: 'up' };
      } catch (error) {
        return failure(error);
      }
    },
    close: () => void transport.then((open) => open.close()),
  };
}

/** Loaded here: who sends no e-mail does not pay for it at each start. */
async function openTransport(url: string) {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    url,
    connectionTimeout: STEP_TIMEOUT_MS,
    greetingTimeout: STEP_TIMEOUT_MS,
    socketTimeout: STEP_TIMEOUT_MS,
    dnsTimeout: STEP_TIMEOUT_MS,
    // Text comes from us; nothing in it is a path or a URL to read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** RFC 5321, 4.2.1: 5yz is for good. A server that does not let us in is a matter of settings, which change. */
function failure(error: unknown): Attempt {
  const responseCode = error instanceof Error && 'responseCode' in error ? error.responseCode : undefined;
  const code = typeof responseCode === 'number' ? responseCode : undefined;
  const isOfMessage = systemErrorCode(error) === 'EENVELOPE' || systemErrorCode(error) === 'EMESSAGE';
  const isFinal = isOfMessage && code !== undefined && code >= 500;
  return {
    outcome: isFinal ? 'refused' : 'failed',
    status: null,
    error: code === undefined ? 'The mail server cannot be reached.' : `The mail server answered ${code}.`,
    response: null,
    host: isOfMessage ? 'up' : 'down',
  };
}
