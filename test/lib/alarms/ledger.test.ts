import t from 'tap';
import type { AlarmRule, Finding } from '../../../lib/alarms/alarm.js';
import { type Ledger, settle } from '../../../lib/alarms/ledger.js';

const SECOND = 1_000;
const policy = { holdMs: 60 * SECOND, cooldownMs: 600 * SECOND };

function finding(rule: AlarmRule = 'memory-high', subject = 'service', value = 90): Finding {
  return { rule, subject, value, threshold: 80, unit: 'percent', text: `${subject} is at ${value}` };
}

/** Settles looks one after the other, each a second and what it found; returns who was told what, and when. */
function run(looks: readonly (readonly [second: number, findings: readonly Finding[]])[]): string[] {
  let ledger: Ledger = {};
  const told: string[] = [];
  for (const [second, findings] of looks) {
    // As the row of PostgreSQL keeps it.
    const before: Ledger = JSON.parse(JSON.stringify(ledger));
    const settled = settle(before, findings, { source: 'test', now: second * SECOND, policy });
    ledger = settled.ledger;
    told.push(...settled.alarms.map(({ state, rule, subject }) => `${second}: ${rule} ${subject} ${state}`));
  }
  return told;
}

const every10 = (from: number, to: number, findings: readonly Finding[]) =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, i) => [from + 10 * i, findings] as const);

t.test('what lasts fires once and clears once, when that has lasted too', async (t) => {
  t.same(run([...every10(0, 300, [finding()]), ...every10(310, 900, [])]), [
    '60: memory-high service firing',
    '360: memory-high service cleared',
  ]);
});

t.test('what passes is not told', async (t) => {
  t.same(
    run([...every10(0, 50, [finding()]), ...every10(60, 100, []), ...every10(110, 160, [finding()])]),
    [],
  );
});

t.test('a short pause neither clears it nor fires it again', async (t) => {
  const looks = [
    ...every10(0, 100, [finding()]),
    ...every10(110, 150, []),
    ...every10(160, 300, [finding()]),
  ];
  t.same(run(looks), ['60: memory-high service firing']);
});

t.test('what has happened fires and clears at once', async (t) => {
  const failed = finding('job-failed', 'resize');
  t.same(run([...every10(0, 20, [failed]), ...every10(30, 60, [])]), [
    '0: job-failed resize firing',
    '30: job-failed resize cleared',
  ]);
});

t.test('what comes back rests for its cool-down, and then fires again if it is still so', async (t) => {
  const failed = [finding('job-failed', 'resize')];
  t.same(run([[0, failed], [10, []], ...every10(20, 700, failed), [710, []]]), [
    '0: job-failed resize firing',
    '10: job-failed resize cleared',
    '600: job-failed resize firing',
    '710: job-failed resize cleared',
  ]);
  t.same(run([[0, failed], [10, []], [20, failed], [30, []], ...every10(40, 800, []), [810, failed]]), [
    '0: job-failed resize firing',
    '10: job-failed resize cleared',
    '810: job-failed resize firing',
  ]);
});

t.test('what comes back must last again before it is told', async (t) => {
  const looks = [...every10(0, 60, [finding()]), ...every10(70, 700, []), ...every10(710, 800, [finding()])];
  t.same(run(looks), [
    '60: memory-high service firing',
    '120: memory-high service cleared',
    '770: memory-high service firing',
  ]);
});

t.test('each rule and subject is an alarm of its own', async (t) => {
  const both = [finding('job-failed', 'resize'), finding('job-failed', 'export'), finding('memory-high')];
  t.same(run([[0, both], ...every10(10, 70, both)]), [
    '0: job-failed resize firing',
    '0: job-failed export firing',
    '60: memory-high service firing',
  ]);
});

t.test('an alarm says since when, and with the newest figures', async (t) => {
  const first = settle({}, [finding('memory-high', 'service', 81)], { source: 'a', now: 0, policy });
  const { alarms } = settle(first.ledger, [finding('memory-high', 'service', 95)], {
    source: 'a',
    now: 60 * SECOND,
    policy,
  });
  t.match(alarms, [
    {
      state: 'firing',
      value: 95,
      source: 'a',
      since: '1970-01-01T00:00:00.000Z',
      at: '1970-01-01T00:01:00.000Z',
    },
  ]);
});

t.test('what is over and has rested is forgotten', async (t) => {
  let ledger: Ledger = {};
  for (const [second, found] of [
    [0, true],
    [10, false],
    [700, false],
  ] as const) {
    const findings = found ? [finding('job-failed')] : [];
    ledger = settle(ledger, findings, { source: 'a', now: second * SECOND, policy }).ledger;
  }
  t.same(ledger, {});
});
