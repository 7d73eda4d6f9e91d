import t from 'tap';
import type { Alarm, AlarmSink } from '../../../lib/alarms/alarm.js';
import { deliver, enlist } from '../../../lib/alarms/outbox.js';
import { recordingLogger } from '../../helpers/events.js';

const at = '2026-01-01T00:00:00.000Z';
const now = Date.parse(at);
const { log } = recordingLogger();

function alarm(state: Alarm['state']): Alarm {
  return {
    rule: 'job-failed',
    subject: 'resize',
    value: 1,
    threshold: 0,
    unit: 'jobs',
    text: 'one failed',
    state,
    source: 'service',
    since: at,
    at,
  };
}

/** A sink that keeps what it takes, and refuses while it is away. */
function sink(name: string): AlarmSink & { taken: string[]; away: boolean } {
  return {
    name,
    taken: [],
    away: false,
    async send({ state }) {
      if (this.away) throw new Error('away');
      this.taken.push(state);
    },
  };
}

t.test('a sink that is away gets everything later, in order, and the other nothing twice', async (t) => {
  const [log1, hook] = [sink('log'), sink('webhook')];
  hook.away = true;
  let unsent = await deliver(enlist([], [alarm('firing')], [log1, hook]), [log1, hook], log, now);
  t.match(unsent, [{ sinks: ['webhook'] }]);
  unsent = await deliver(enlist(unsent, [alarm('cleared')], [log1, hook]), [log1, hook], log, now);
  t.equal(unsent.length, 2);
  t.same([log1.taken, hook.taken], [['firing', 'cleared'], []]);
  hook.away = false;
  t.same(await deliver(unsent, [log1, hook], log, now), []);
  t.same(
    [log1.taken, hook.taken],
    [
      ['firing', 'cleared'],
      ['firing', 'cleared'],
    ],
  );
});

t.test('what nobody took for a day is no news, and there is an end to what is kept', async (t) => {
  const hook = sink('webhook');
  hook.away = true;
  const unsent = enlist([], [alarm('firing')], [hook]);
  t.equal((await deliver(unsent, [hook], log, now + 86_399_000)).length, 1);
  t.equal((await deliver(unsent, [hook], log, now + 86_400_000)).length, 0);
  t.equal(enlist([], Array(500).fill(alarm('firing')), [hook]).length, 200);
});
