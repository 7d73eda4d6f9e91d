import { Problem } from '../errors.js';
import type { Outbound, OutboundAnswer } from '../outbound/client.js';
import type { BlobStore } from '../storage/blob-store.js';
import { type ReceivedImage, type ReceiveLimits, receiveImage } from './receive.js';

/** What images are fetched with. */
export interface FetchDeps {
  readonly outbound: Outbound;
  readonly store: BlobStore;
  readonly config: ReceiveLimits & { readonly jobTimeoutSeconds: number };
}

const MAX_REDIRECTS = 5;

/**
 * Fetches an image from another host, as an upload is received: to a temporary file, bounded, and known by
 * its bytes, whatever the host calls it.
 *
 * @throws Problem REMOTE_REFUSED (422) for an answer that will not change; REMOTE_UNREACHABLE (502) or
 *   REMOTE_TIMED_OUT (504) for what may; ADDRESS_NOT_ALLOWED (422); and what {@link receiveImage} throws
 */
export async function fetchImage(
  { outbound, store, config }: FetchDeps,
  url: string,
  signal: AbortSignal,
): Promise<ReceivedImage> {
  const timeoutMs = config.jobTimeoutSeconds * 1000;
  const answer = await outbound.ask({ method: 'GET', url, timeoutMs, maxRedirects: MAX_REDIRECTS, signal });
  try {
    assertGiven(answer);
    return await receiveImage(answer.body, store, config, signal);
  } catch (error) {
    if (error instanceof Problem || signal.aborted) throw error;
    throw new Problem('REMOTE_UNREACHABLE', 'The remote host broke off in the middle of the file.', {
      cause: error,
    });
  } finally {
    // Left unread, its end would be of no interest, and its error unheard.
    answer.body.on('error', () => {}).destroy();
  }
}

/** The name at the end of a URL's path, for an image that is given none. */
export function filenameInUrl(url: string): string | undefined {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    return last;
  }
}

function assertGiven({ status }: OutboundAnswer): void {
  if (status === 200) return;
  const detail = `The remote host answered ${status}; it takes 200 and the file.`;
  const mayPass = status >= 500 || status === 429 || status === 408;
  throw new Problem(mayPass ? 'REMOTE_UNREACHABLE' : 'REMOTE_REFUSED', detail);
}
