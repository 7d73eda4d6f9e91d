import { createHash } from 'node:crypto';
import { Cron } from 'croner';
import { invalidField } from '../errors.js';
import { show } from '../validation.js';
import type { Rhythm, ScheduleRow } from './schedule.js';

const SECOND_MS = 1_000;

/**
 * Checks that a rhythm can be kept.
 *
 * @throws Problem VALIDATION_FAILED (400) naming `timezone` or `cron`
 */
export function assertRhythm({ cron }: Rhythm, timezone: string): void {
  if (!isTimezone(timezone))
    throw invalidField('timezone', `is ${show(timezone)}; it takes a zone such as Europe/Berlin or UTC`);
  if (cron === null) return;
  let next: Date | null;
  try {
    next = new Cron(cron, { timezone }).nextRun();
  } catch {
    throw invalidField('cron', `is ${show(cron)}; it takes five fields such as 0 3 * * 1-5`);
  }
  if (!next) throw invalidField('cron', `is ${show(cron)}, which never comes; it takes times that do`);
}

/**
 * When a schedule runs next: at its first tick after `now`, and then up to its jitter later. Ticks that were
 * missed are over; whoever is late runs once, and goes on from there.
 *
 * @returns null when there is no such time
 */
export function nextRun(
  schedule: Rhythm & Pick<ScheduleRow, 'id' | 'timezone' | 'jitterSeconds' | 'createdAt'>,
  now: Date,
): Date | null {
  const tick = nextTick(schedule, now);
  return tick && new Date(tick.getTime() + jitterMs(schedule, tick));
}

function nextTick(
  { cron, everyMs, timezone, createdAt }: Rhythm & Pick<ScheduleRow, 'timezone' | 'createdAt'>,
  now: Date,
): Date | null {
  if (cron !== null) return new Cron(cron, { timezone }).nextRun(now);
  const ticks = Math.max(0, Math.floor((now.getTime() - createdAt.getTime()) / everyMs));
  return new Date(createdAt.getTime() + (ticks + 1) * everyMs);
}

/** The same for the same tick, wherever it is computed, and spread evenly over schedules. */
function jitterMs({ id, jitterSeconds }: Pick<ScheduleRow, 'id' | 'jitterSeconds'>, tick: Date): number {
  const digest = createHash('sha256').update(`${id} ${tick.getTime()}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * jitterSeconds * SECOND_MS);
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
