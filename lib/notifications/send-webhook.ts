import { Problem } from '../errors.js';
import type { Outbound, OutboundAnswer } from '../outbound/client.js';
import { readAtMost } from '../outbound/read-at-most.js';
import { signatureHeaders } from '../webhooks/secret.js';
import type { Attempt } from './attempt.js';

/** A message to a webhook. */
export interface WebhookMessage {
  /** The same in every attempt. */
  readonly id: string;
  readonly url: string;
  readonly body: string;
  /** The secrets that are good now. */
  readonly secrets: readonly string[];
}

const USER_AGENT = 'Halftone-Webhooks/1';
const EXCERPT_BYTES = 1024;
// The status has said it already; what else there is to read may take this long.
const EXCERPT_MS = 1_000;

/**
 * Tries to deliver a message once, as the Standard Webhooks specification has it.
 *
 * @throws the reason of an aborted signal; whatever the receiver does is an {@link Attempt}
 */
export async function sendWebhook(
  outbound: Outbound,
  { id, url, body, secrets }: WebhookMessage,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const answer = await outbound.ask({
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...signatureHeaders({ id, at: new Date(), body }, secrets),
      },
      body,
      timeoutMs,
      maxRedirects: 0,
      signal,
    });
    return await attemptOf(answer);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { outcome: 'failed', status: null, error: error.message, response: null, host: 'down' };
  }
}

async function attemptOf({ status, body }: OutboundAnswer): Promise<Attempt> {
  const { bytes } = await readAtMost(body, EXCERPT_BYTES, EXCERPT_MS);
  // PostgreSQL keeps no NUL.
  const response = bytes.length > 0 ? bytes.toString('utf8').replaceAll('\0', '\uFFFD') : null;
  const host = status >= 500 || status === 429 ? 'down' : 'up';
  if (status >= 200 && status < 300) return { outcome: 'arrived', status, error: null, response, host };
  if (status === 410) return { outcome: 'gone', status, error: 'It answered 410 Gone.', response, host };
  const isRedirect = status >= 300 && status < 400;
  const error = isRedirect
    ? `It answered ${status}: redirects are not followed.`
    : `It answered ${status}; it takes a 2xx to be delivered.`;
  return { outcome: 'failed', status, error, response, host };
}
