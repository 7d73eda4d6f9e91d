import type { Alarm, AlarmRule, Finding } from './alarm.js';

/** What is known of one thing that is or was wrong. Times are milliseconds since the epoch. */
export interface LedgerEntry {
  readonly finding: Finding;
  /** Since when it has been found without a break; null while it is not. */
  readonly since: number | null;
  /** When it was last found. */
  readonly seenAt: number;
  /** When somebody was told; null: nobody yet. */
  readonly firedAt: number | null;
  /** Whether they were told that it is over. */
  readonly cleared: boolean;
}

/** What is known of everything, by rule and subject; plain JSON. */
export type Ledger = Readonly<Record<string, LedgerEntry>>;

/** How hasty the alarms are. */
export interface AlarmPolicy {
  /** How long something must be wrong before it is told, and be over before that is, in ms. */
  readonly holdMs: number;
  /** The same alarm does not fire again before this much time has passed since it last did, in ms. */
  readonly cooldownMs: number;
}

/** What has happened is told at once; what is so may pass. */
const AT_ONCE: ReadonlySet<AlarmRule> = new Set(['job-running-long', 'job-failed']);

/**
 * Settles what is found now against what was known: the one place that knows of hold, cool-down and
 * all-clear. Pure: the clock, the memory and the telling are the caller's.
 *
 * Each alarm that fires is cleared exactly once, and fires at most once a cool-down.
 *
 * @param now milliseconds since the epoch
 */
export function settle(
  ledger: Ledger,
  findings: readonly Finding[],
  { source, now, policy }: { readonly source: string; readonly now: number; readonly policy: AlarmPolicy },
): { ledger: Ledger; alarms: Alarm[] } {
  const found = new Map(findings.map((finding) => [keyOf(finding), finding]));
  const next: Record<string, LedgerEntry> = {};
  const alarms: Alarm[] = [];
  for (const key of new Set([...Object.keys(ledger), ...found.keys()])) {
    const before = ledger[key];
    const finding = found.get(key);
    const after = finding ? present(before, finding, now, policy) : absent(before, now, policy);
    if (!after) continue;
    next[key] = after;
    if (after.firedAt !== null && after.firedAt !== before?.firedAt)
      alarms.push(toAlarm(after, 'firing', source, now));
    else if (before && after.cleared && !before.cleared) alarms.push(toAlarm(before, 'cleared', source, now));
  }
  return { ledger: next, alarms };
}

/** What was found: it fires when it has lasted, and has not fired a moment ago. */
function present(
  before: LedgerEntry | undefined,
  finding: Finding,
  now: number,
  { holdMs, cooldownMs }: AlarmPolicy,
): LedgerEntry {
  const since = before?.since ?? now;
  const seen = { finding, since, seenAt: now };
  const firedAt = before?.firedAt ?? null;
  const isFiring = firedAt !== null && before?.cleared === false;
  if (isFiring) return { ...seen, firedAt, cleared: false };
  const lasts = now - since >= (AT_ONCE.has(finding.rule) ? 0 : holdMs);
  const rests = firedAt !== null && now - firedAt < cooldownMs;
  return lasts && !rests
    ? { ...seen, firedAt: now, cleared: false }
    : { ...seen, firedAt, cleared: before?.cleared ?? false };
}

/** What was not found: it is cleared when that has lasted, and forgotten after its cool-down. */
function absent(
  before: LedgerEntry | undefined,
  now: number,
  { holdMs, cooldownMs }: AlarmPolicy,
): LedgerEntry | undefined {
  if (!before || before.firedAt === null) return undefined;
  if (before.cleared) {
    return now - before.firedAt < cooldownMs ? { ...before, since: null } : undefined;
  }
  const isOver = now - before.seenAt >= (AT_ONCE.has(before.finding.rule) ? 0 : holdMs);
  return isOver ? { ...before, since: null, cleared: true } : before;
}

function toAlarm(
  { finding, since, firedAt }: LedgerEntry,
  state: Alarm['state'],
  source: string,
  now: number,
): Alarm {
  return {
    ...finding,
    state,
    source,
    since: new Date(since ?? firedAt ?? now).toISOString(),
    at: new Date(now).toISOString(),
  };
}

function keyOf({ rule, subject }: Finding): string {
  return `${rule} ${subject}`;
}
