import t from 'tap';
import { Lanes } from '../../workers/lanes.js';

t.test('a host has so many places, and a tenant has, over all hosts', async (t) => {
  const lanes = new Lanes({ perHost: 2, perTenant: 3 }, () => 0);
  t.equal(lanes.enter('slow', 'one'), 0);
  t.equal(lanes.enter('slow', 'one'), 0);
  t.ok(lanes.enter('slow', 'two') > 0, 'the host is full, for everybody');
  t.equal(lanes.enter('other', 'one'), 0);
  t.ok(lanes.enter('third', 'one') > 0, 'the tenant has all it may have');
  t.equal(lanes.enter('third', 'two'), 0, 'another has not');
  lanes.leave('slow', 'one', 10);
  t.equal(lanes.enter('slow', 'two'), 0);
});

t.test('those that find no place come back one after the other', async (t) => {
  const lanes = new Lanes({ perHost: 1, perTenant: 9 }, () => 0);
  for (let count = 0; count < 30; count++) {
    lanes.enter('slow', 'one');
    lanes.leave('slow', 'one', 2_000);
  }
  lanes.enter('slow', 'one');
  const waits = Array.from({ length: 30 }, () => lanes.enter('slow', 'one'));
  t.ok((waits[0] ?? 0) > 1_500, 'as long as one takes');
  t.ok(
    waits.slice(1, 10).every((wait, index) => wait - (waits[index] ?? 0) > 1_500),
    'each has a turn of its own',
  );
  t.equal(Math.max(...waits), 30_000, 'none waits for ever');
});
