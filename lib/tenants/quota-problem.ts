import { Problem, systemErrorCode } from '../errors.js';
import { megapixels, type quotaNames } from './tenant.js';

/** What the triggers of `migrations/0014-quotas.sql` raise, and what they say beside it. */
const OVER_QUOTA = 'HTQ01';

interface Refusal {
  readonly quota: (typeof quotaNames)[number];
  readonly used: number;
  readonly asked: number;
  readonly most: number;
  /** Until the hour is over; null where time does not help. */
  readonly seconds: number | null;
}

/**
 * The problem of an image or job that is over its tenant's quota; undefined for every other error.
 *
 * QUOTA_EXCEEDED (403), or QUOTA_USED_UP (429) where it is one of an hour.
 */
export function quotaProblem(error: unknown): Problem | undefined {
  if (systemErrorCode(error) !== OVER_QUOTA) return undefined;
  const refusal = refusalOf(error);
  if (!refusal) return undefined;
  const { quota, seconds } = refusal;
  const inUnits = quota === 'megapixelsAnHour' ? megapixels : (pixels: number): number => pixels;
  const [used, asked, most] = [refusal.used, refusal.asked, refusal.most].map(inUnits);
  const message = `is ${most}, of which ${used} are used; ${asked} more were asked for`;
  return new Problem(
    seconds === null ? 'QUOTA_EXCEEDED' : 'QUOTA_USED_UP',
    `The quota ${quota} ${message}.`,
    {
      errors: [{ path: quota, message }],
      ...(seconds !== null && { retryAfter: seconds }),
      cause: error,
    },
  );
}

function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('detail' in error) || typeof error.detail !== 'string') return undefined;
  const said: Refusal = JSON.parse(error.detail);
  return said;
}
