import { invalidField, type Problem } from '../errors.js';

/**
 * A place in the events of a tenant, which come in batches: everything that `from` saw lies before it,
 * and of what only `to` saw, what has no later id than `id`.
 *
 * Ids are given before a transaction commits, so that an event can appear after one of a later id: an id
 * alone is no place. What PostgreSQL's own snapshots saw is exact, whatever is still under way elsewhere.
 */
export interface EventPosition {
  /** When it was read, in ms since 1970: what came long after may be kept no longer. */
  readonly at: number;
  /** `pg_current_snapshot()`, twice: which transactions had been committed then. */
  readonly from: string;
  readonly to: string;
  readonly id: number;
}

/** Transaction ids and event ids as we take them: far more than there will ever be, and exact as numbers. */
const NUMBER = /^\d{1,15}$/;
const SNAPSHOT = /^(\d{1,15}):(\d{1,15}):(\d{1,15}(?:,\d{1,15})*)?$/;

/** A position as an event's id. */
export function encodePosition({ at, from, to, id }: EventPosition): string {
  return [at, from, to, id].join('.');
}

/**
 * Reads a position back from `Last-Event-ID`.
 *
 * @throws Problem EVENT_ID_INVALID (400) for what is not one of ours
 */
export function decodePosition(text: string): EventPosition {
  const [at = '', from = '', to = '', id = '', ...rest] = text.split('.');
  if (rest.length > 0 || !NUMBER.test(at) || !NUMBER.test(id) || !isSnapshot(from) || !isSnapshot(to))
    throw invalidEventId();
  return { at: Number(at), from, to, id: Number(id) };
}

/**
 * Reads the version of a job from the `Last-Event-ID` of its own events.
 *
 * @throws Problem EVENT_ID_INVALID (400) for what is not one of ours
 */
export function decodeVersion(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidEventId();
  return Number(text);
}

/** Whether PostgreSQL takes a text as a `pg_snapshot`: `xmin:xmax:` and those between that were under way, in order. */
function isSnapshot(text: string): boolean {
  const [, first = '', last = '', between] = SNAPSHOT.exec(text) ?? [];
  const [xmin, xmax] = [Number(first), Number(last)];
  const underWay = between?.split(',').map(Number) ?? [];
  return (
    xmin > 0 &&
    xmin <= xmax &&
    underWay.every((xid, index) => xid >= (underWay[index - 1] ?? xmin) && xid < xmax)
  );
}

/** The transaction id that comes after all that a snapshot knows of. */
export function nextTransaction(snapshot: string): number {
  return Number(snapshot.split(':')[1]);
}

function invalidEventId(): Problem {
  return invalidField('last-event-id', 'is not the id of an event of this stream', 'EVENT_ID_INVALID');
}
