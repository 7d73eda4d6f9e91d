import { Type } from 'typebox';
import { invalidField } from '../errors.js';

const DAY_MS = 86_400_000;
/** Further ahead is a mistake in the year more often than a plan. */
const MOST_DAYS = 366;

/** `runAt` in a body. */
export const RunAt = Type.String({
  format: 'date-time',
  description: 'Not before this time (RFC 3339), at most 366 days ahead',
});

/**
 * When a job is to start at the earliest.
 *
 * @param text as RFC 3339 has it; undefined: at once
 * @throws Problem VALIDATION_FAILED (400) naming `path`
 */
export function parseRunAt(text: string | undefined, path: string): Date | undefined {
  if (text === undefined) return undefined;
  const at = new Date(text);
  if (Number.isNaN(at.getTime()) || !/^\d{4}-\d\d-\d\d[Tt ].*([Zz]|[+-]\d\d:\d\d)$/.test(text))
    throw invalidField(path, `is ${JSON.stringify(text)}; it takes a time such as 2027-01-31T08:00:00Z`);
  if (at.getTime() > Date.now() + MOST_DAYS * DAY_MS)
    throw invalidField(path, `is ${JSON.stringify(text)}; it takes a time within ${MOST_DAYS} days`);
  return at;
}
