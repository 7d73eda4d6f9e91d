import { setTimeout as delay } from 'node:timers/promises';
import type { Breakers } from '../breaker/breakers.js';
import type { Database, Executor } from '../database/client.js';
import { Problem } from '../errors.js';
import { newId } from '../ids.js';
import type { ImageRow } from '../images/image.js';
import { findImage, holdImage } from '../images/repository.js';
import { type FetchDeps, type FetchedImage, fetchImage } from './fetch-image.js';
import { type ImageOwner, recordReceived } from './record-received.js';
import {
  type KnownSource,
  RENEW_MS,
  recordFetched,
  recordUnchanged,
  releaseLease,
  renewLease,
  takeLease,
} from './repository.js';
import { filenameInUrl } from './rules.js';
import type { Validators } from './validators.js';

/** What the image of a URL is had with. */
export interface ImageOfUrlDeps extends FetchDeps {
  readonly database: Database;
  readonly breakers: Breakers;
}

/** Whose image of which URL is wanted. */
export interface WantedImage extends ImageOwner {
  readonly url: string;
  /** When it was asked for: what was fetched since need not be fetched again. */
  readonly since: Date;
  /** Whether to come back when a host that was down may be up again, rather than to say at once that it is down. */
  readonly isPatient: boolean;
}

const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 500;

/**
 * The image of a URL: fetched, unless another job has fetched it since it was asked for, or its host says that
 * the one that stands is still that. The same URL is in one job's hands at a time, in all processes; others
 * wait for that one, and take what it got.
 *
 * @throws Problem as {@link fetchImage}, REMOTE_TIMED_OUT (504) where another job does not get it either,
 *   REMOTE_UNREACHABLE (502) where the host has failed again and again; the signal's reason
 */
export async function imageOfUrl(
  deps: ImageOfUrlDeps,
  wanted: WantedImage,
  signal: AbortSignal,
): Promise<ImageRow> {
  const { database, config } = deps;
  const holder = newId();
  const until = performance.now() + config.sourceTimeoutSeconds * 1000;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(MAX_LOOK_MS, 2 * pause)) {
    const known = await database.query('imageSources.take', (sql) => takeLease(sql, wanted, holder));
    if (known) return holding(deps, wanted, holder, () => settle(deps, wanted, known, holder, signal));
    if (performance.now() > until)
      throw new Problem('REMOTE_TIMED_OUT', 'Another job fetches this URL, and has not got it in time.');
    await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Does something while the lease is renewed, and gives it back where that fails. */
async function holding<T>(
  { database }: ImageOfUrlDeps,
  wanted: WantedImage,
  holder: string,
  work: () => Promise<T>,
): Promise<T> {
  const renewing = setInterval(() => {
    // One that cannot be renewed lapses: then two may fetch it, which does no harm.
    database.query('imageSources.renew', (sql) => renewLease(sql, wanted, holder)).catch(() => undefined);
  }, RENEW_MS);
  try {
    return await work();
  } catch (error) {
    await database
      .query('imageSources.release', (sql) => releaseLease(sql, wanted, holder))
      .catch(() => undefined);
    throw error;
  } finally {
    clearInterval(renewing);
  }
}

async function settle(
  deps: ImageOfUrlDeps,
  wanted: WantedImage,
  known: KnownSource,
  holder: string,
  signal: AbortSignal,
): Promise<ImageRow> {
  const { imageId, fetchedAt } = known;
  if (imageId !== null && fetchedAt !== null && fetchedAt >= wanted.since) {
    const standing = await keep(deps, wanted, imageId, (sql) => releaseLease(sql, wanted, holder));
    if (standing) return standing;
  }
  const fetched = await fetchWatched(deps, wanted, validatorsIn(known), signal);
  if (fetched) return record(deps, wanted, fetched);
  const unchanged =
    imageId === null
      ? undefined
      : await keep(deps, wanted, imageId, (sql) => recordUnchanged(sql, wanted, holder));
  if (unchanged) return unchanged;
  // The image was deleted while its host was asked whether it had changed.
  const again = await fetchWatched(deps, wanted, undefined, signal);
  if (!again) throw new Error('a host was asked for a file and says that it is unchanged');
  return record(deps, wanted, again);
}

/** Takes an image that stands; undefined: it was deleted meanwhile. */
function keep(
  { database }: ImageOfUrlDeps,
  { tenantId, claim }: WantedImage,
  imageId: string,
  andSay: (sql: Executor) => Promise<void>,
): Promise<ImageRow | undefined> {
  return database.transaction('imageSources.keep', async (sql) => {
    // Held first, as a deletion has it: it takes the image, and with it the row of its URL.
    if (!(await holdImage(sql, tenantId, imageId))) return undefined;
    const image = await findImage(sql, tenantId, imageId);
    if (!image) return undefined;
    await andSay(sql);
    await claim(sql, image);
    return image;
  });
}

/** Records what was fetched, and that this URL gave it. */
function record(
  deps: ImageOfUrlDeps,
  wanted: WantedImage,
  { received, validators }: FetchedImage,
): Promise<ImageRow> {
  const { url, filename = filenameInUrl(url) } = wanted;
  const claim: ImageOwner['claim'] = async (sql, image) => {
    await recordFetched(sql, wanted, image.id, validators);
    await wanted.claim(sql, image);
  };
  return recordReceived(deps, { ...wanted, filename, claim }, received);
}

/** Fetches, unless the host has failed this tenant again and again; what others meet there is theirs. */
async function fetchWatched(
  deps: ImageOfUrlDeps,
  { tenantId, url, isPatient }: WantedImage,
  known: Validators | undefined,
  signal: AbortSignal,
): Promise<FetchedImage | undefined> {
  const { breakers } = deps;
  const host = `${tenantId} ${new URL(url).host}`;
  const ms = breakers.enter('source', host);
  if (ms > 0) throw leftAlone(isPatient ? { retryAfter: Math.ceil(ms / 1000) } : {});
  try {
    const fetched = await fetchImage(deps, url, known, signal);
    breakers.leave('up', 'source', host);
    return fetched;
  } catch (error) {
    breakers.leave(signal.aborted ? 'withdrawn' : stateBy(error), 'source', host);
    throw error;
  }
}

/** An answer that refuses is an answer: only a host that cannot be asked, or says so itself, is down. */
function stateBy(error: unknown): 'up' | 'down' | 'withdrawn' {
  if (!(error instanceof Problem)) return 'withdrawn';
  return error.code === 'REMOTE_UNREACHABLE' || error.code === 'REMOTE_TIMED_OUT' ? 'down' : 'up';
}

function leftAlone(options: { readonly retryAfter?: number }): Problem {
  const detail = 'The remote host has failed again and again, and is left alone for a while.';
  return new Problem('REMOTE_UNREACHABLE', detail, options);
}

function validatorsIn({ imageId, answeredBy, etag, lastModified }: KnownSource): Validators | undefined {
  return imageId === null || answeredBy === null ? undefined : { answeredBy, etag, lastModified };
}
