import type { Config } from '../config.js';
import { Problem } from '../errors.js';
import { acceptedContentTypes } from '../images/media-types.js';
import { type ReceivedImage, type ReceiveLimits, receiveImage } from '../images/receive.js';
import type { Outbound, OutboundAnswer } from '../outbound/client.js';
import { remoteProblem } from '../outbound/failures.js';
import type { BlobStore } from '../storage/blob-store.js';
import { retryAfterSeconds } from './retry-after.js';
import { conditionsOf, type Validators, validatorsOf } from './validators.js';

/** What images are fetched with. */
export interface FetchDeps {
  readonly outbound: Outbound;
  readonly store: BlobStore;
  readonly config: ReceiveLimits & Pick<Config, 'sourceTimeoutSeconds'>;
}

/** An image as it came from another host. */
export interface FetchedImage {
  readonly received: ReceivedImage;
  readonly validators: Validators;
}

const MAX_REDIRECTS = 5;
const HEADERS = {
  accept: `${acceptedContentTypes.join(', ')}, */*;q=0.1`,
  // What is small on the way and large here is not worth the care that it would take.
  'accept-encoding': 'identity',
  'user-agent': 'Halftone/1',
};

/**
 * Fetches an image from another host, as an upload is received: to a temporary file, bounded, and known by
 * its bytes, whatever the host calls it.
 *
 * @param known the version that there is: then only another one is fetched
 * @returns undefined: there is no other version
 * @throws Problem REMOTE_REFUSED or UPLOAD_TOO_LARGE (4xx) for an answer that will not change;
 *   REMOTE_UNREACHABLE (502) or REMOTE_TIMED_OUT (504) for what may; ADDRESS_NOT_ALLOWED (422); and what
 *   {@link receiveImage} throws
 */
export async function fetchImage(
  deps: FetchDeps,
  url: string,
  known: Validators | undefined,
  signal: AbortSignal,
): Promise<FetchedImage | undefined> {
  const conditions = known && conditionsOf(known);
  const answer = await deps.outbound.ask({
    method: 'GET',
    url,
    headers: HEADERS,
    headersTo: known && conditions && { url: known.answeredBy, headers: conditions },
    timeoutMs: deps.config.sourceTimeoutSeconds * 1000,
    maxRedirects: MAX_REDIRECTS,
    signal,
  });
  try {
    // What was not asked for under conditions has no business to be unchanged.
    if (answer.status === 304 && conditions && answer.url === known?.answeredBy) return undefined;
    assertGiven(answer, deps.config.maxUploadBytes);
    return {
      received: await receive(deps, answer, signal),
      validators: validatorsOf(answer.url, answer.headers),
    };
  } finally {
    // Left unread, its end would be of no interest, and its error unheard.
    answer.body.on('error', () => {}).destroy();
  }
}

/** What goes wrong with the body is the host's doing; what goes wrong with the file is ours. */
async function receive(
  { store, config }: FetchDeps,
  { body }: OutboundAnswer,
  signal: AbortSignal,
): Promise<ReceivedImage> {
  let broken: unknown;
  body.once('error', (error) => {
    broken = error;
  });
  try {
    return await receiveImage(body, store, config, signal);
  } catch (error) {
    if (broken === undefined || error !== broken || signal.aborted) throw error;
    const problem = remoteProblem(error);
    if (problem.code === 'REMOTE_TIMED_OUT') throw problem;
    throw new Problem('REMOTE_UNREACHABLE', 'The remote host broke off in the middle of the file.', {
      cause: error,
    });
  }
}

function assertGiven({ status, headers }: OutboundAnswer, maxBytes: number): void {
  if (status !== 200) throw notGiven(status, headers['retry-after']);
  const encoding = String(headers['content-encoding'] ?? 'identity').trim();
  if (!/^(identity)?$/i.test(encoding)) {
    throw new Problem(
      'REMOTE_REFUSED',
      `The remote host answered with Content-Encoding ${JSON.stringify(encoding.slice(0, 40))}, which it was asked not to use.`,
    );
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes)
    throw new Problem('UPLOAD_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most taken here.`);
}

function notGiven(status: number, retryAfter: string | undefined): Problem {
  const detail = `The remote host answered ${status}; it takes 200 and the file.`;
  const mayPass = status >= 500 || status === 429 || status === 408;
  if (!mayPass) return new Problem('REMOTE_REFUSED', detail);
  const seconds = retryAfterSeconds(retryAfter);
  return new Problem('REMOTE_UNREACHABLE', detail, seconds === undefined ? {} : { retryAfter: seconds });
}
