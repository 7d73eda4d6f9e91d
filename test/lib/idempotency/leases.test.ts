import t, { type Test } from 'tap';
import { Leases } from '../../../lib/idempotency/leases.js';
import { Recorder, recordingLogger } from '../../helpers/events.js';

function open(t: Test) {
  const { log, lines } = recordingLogger();
  const renewed = new Recorder<readonly string[]>();
  const leases = new Leases({ renew: async (ids) => renewed.add(ids), everyMs: 1, maxMs: 60_000, log });
  // The timer keeps no process alive; here something has to.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => {
    leases.close();
    clearInterval(alive);
  });
  return { leases, renewed, lines, log };
}

t.test('claims are renewed together until they are dropped', async (t) => {
  const { leases, renewed } = open(t);
  leases.hold('a');
  leases.hold('b');
  await renewed.until((items) => items.some((ids) => ids.join() === 'a,b'));
  leases.drop('a');
  await renewed.until((items) => items.some((ids) => ids.join() === 'b'));
  leases.drop('b');
  const { length } = renewed.items;
  leases.hold('c');
  await renewed.length(length + 1);
  t.same(renewed.items.at(length), ['c']);
});

t.test('a claim that is never dropped is not renewed for ever', async (t) => {
  const { renewed, log } = open(t);
  const leases: Leases = new Leases({
    renew: async (ids) => {
      leases.hold('young');
      renewed.add(ids);
    },
    everyMs: 1,
    maxMs: 50,
    log,
  });
  t.teardown(() => leases.close());
  leases.hold('stuck');
  await renewed.until((items) => items.at(-1)?.join() === 'young');
  t.same(renewed.items[0], ['stuck']);
});

t.test('a renewal that fails is tried again', async (t) => {
  const { lines, log } = open(t);
  const leases = new Leases({
    renew: () => Promise.reject(new Error('away')),
    everyMs: 1,
    maxMs: 60_000,
    log,
  });
  t.teardown(() => leases.close());
  leases.hold('a');
  await lines.length(2);
  t.match(lines.items[0], { level: 'warn', fields: { claims: 1 } });
});
