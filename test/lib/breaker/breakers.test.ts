import t from 'tap';
import { Breakers } from '../../../lib/breaker/breakers.js';

function breakersAt() {
  const clock = { now: 0 };
  const breakers = new Breakers({ failures: 3, openMs: 100, maxOpenMs: 300, now: () => clock.now });
  const call = (outcome: 'up' | 'down' | 'withdrawn', host = 'a'): number => {
    const wait = breakers.enter('webhook', host);
    if (wait === 0) breakers.leave(outcome, 'webhook', host);
    return wait;
  };
  const states = () => Object.fromEntries(breakers.counts().map(({ state, count }) => [state, count]));
  return { clock, breakers, call, states };
}

t.test('it opens after failures one after the other, and only then', async (t) => {
  const { call, states } = breakersAt();
  for (const outcome of ['down', 'down', 'up', 'down', 'down'] as const) t.equal(call(outcome), 0);
  t.match(states(), { closed: 1, open: 0 });
  t.equal(call('down'), 0, 'the third in a row');
  t.equal(call('up'), 100, 'it says how long to wait');
  t.match(states(), { closed: 0, open: 1 });
  t.equal(call('up', 'b'), 0, 'another host is none of its business');
});

t.test('one looks whether it is well again; each failed look doubles the time', async (t) => {
  const { clock, breakers, call, states } = breakersAt();
  for (let count = 0; count < 3; count++) call('down');
  clock.now = 100;
  t.match(states(), { 'half-open': 1 });
  t.equal(breakers.enter('webhook', 'a'), 0, 'one goes to look');
  t.equal(breakers.enter('webhook', 'a'), 100, 'others wait');
  breakers.leave('down', 'webhook', 'a');
  t.equal(call('up'), 200);
  clock.now = 300;
  t.equal(call('down'), 0);
  t.equal(call('up'), 300, 'up to a limit');
  clock.now = 600;
  t.equal(call('withdrawn'), 0, 'a look that was given up tells nothing');
  t.equal(call('up'), 0, 'and another may look');
  t.match(states(), { closed: 0, open: 0, 'half-open': 0 }, 'nothing is remembered of one that is well');
  for (let count = 0; count < 2; count++) t.equal(call('down'), 0, 'it counts from the start');
});

t.test('what was under way when it opened adds nothing', async (t) => {
  const { breakers, call } = breakersAt();
  for (let count = 0; count < 5; count++) breakers.enter('webhook', 'a');
  for (let count = 0; count < 5; count++) breakers.leave('down', 'webhook', 'a');
  t.equal(call('up'), 100);
});
