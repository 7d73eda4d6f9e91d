import t from 'tap';
import { assertRhythm, nextRun } from '../../../lib/schedules/rhythm.js';

const id = '01890000-0000-7000-8000-000000000000';
const at = (text: string) => new Date(text);
const cron = (text: string, timezone = 'UTC', jitterSeconds = 0) =>
  ({
    id,
    cron: text,
    everyMs: null,
    timezone,
    jitterSeconds,
    createdAt: at('2026-01-01T00:00:00Z'),
  }) as const;

t.test('cron is read in its zone, over the change of the clocks', async (t) => {
  const nightly = cron('30 2 * * *', 'Europe/Berlin');
  t.same(nextRun(nightly, at('2026-01-10T12:00:00Z')), at('2026-01-11T01:30:00Z'));
  t.same(nextRun(nightly, at('2026-07-10T12:00:00Z')), at('2026-07-11T00:30:00Z'));
  const autumn = nextRun(nightly, at('2026-10-24T12:00:00Z'));
  t.same(autumn, at('2026-10-25T00:30:00Z'), '2:30 comes twice that night, and runs once');
  t.same(nextRun(nightly, autumn ?? at('')), at('2026-10-26T01:30:00Z'));
});

t.test('every so often counts from its creation, however late it is asked', async (t) => {
  const hourly = {
    id,
    cron: null,
    everyMs: 3_600_000,
    timezone: 'UTC',
    jitterSeconds: 0,
    createdAt: at('2026-01-01T00:20:00Z'),
  } as const;
  t.same(nextRun(hourly, at('2026-01-01T00:20:00Z')), at('2026-01-01T01:20:00Z'));
  t.same(nextRun(hourly, at('2026-01-03T17:45:00Z')), at('2026-01-03T18:20:00Z'), 'what was missed is over');
  t.same(
    nextRun(hourly, at('2025-12-31T00:00:00Z')),
    at('2026-01-01T01:20:00Z'),
    'a clock that was put back',
  );
});

t.test('a thousand schedules at midnight do not begin together', async (t) => {
  const starts = Array.from({ length: 1_000 }, (_, index) => {
    const one = { ...cron('0 0 * * *', 'UTC', 60), id: `${id}-${index}` };
    const next = nextRun(one, at('2026-05-05T10:00:00Z'));
    t.same(nextRun(one, at('2026-05-05T11:00:00Z')), next, 'the same wherever it is computed');
    return (next?.getTime() ?? 0) - at('2026-05-06T00:00:00Z').getTime();
  });
  t.ok(starts.every((ms) => ms >= 0 && ms < 60_000));
  const inSecond = Array.from({ length: 60 }, () => 0);
  for (const ms of starts) inSecond[Math.floor(ms / 1_000)] = (inSecond[Math.floor(ms / 1_000)] ?? 0) + 1;
  t.ok(Math.max(...inSecond) < 50, `${Math.max(...inSecond)} in one second`);
});

t.test('what never comes, and what is no zone, is refused by name', async (t) => {
  const refused =
    (text: string, zone = 'UTC') =>
    () =>
      assertRhythm({ cron: text, everyMs: null }, zone);
  for (const text of ['0 0 30 2 *', '61 * * * *', 'nightly', '* * *'])
    t.throws(refused(text), { code: 'VALIDATION_FAILED', errors: [{ path: 'cron' }] }, text);
  for (const zone of ['Mars/Olympus', '', 'Europe/Berlin; drop'])
    t.throws(refused('* * * * *', zone), { errors: [{ path: 'timezone' }] }, zone);
  t.doesNotThrow(refused('0 3 * * 1-5', 'America/Sao_Paulo'));
});
