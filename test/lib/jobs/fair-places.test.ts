import t from 'tap';
import { FairPlaces } from '../../../lib/jobs/fair-places.js';
import type { QueuedCount } from '../../../lib/jobs/repository.js';

const A_CLASS = 600_000;
const normal = { tenantId: 'one', type: 'resize', priority: 'normal' } as const;
const waiting = (due: number, of: Partial<QueuedCount> = {}): QueuedCount => ({
  ...normal,
  count: due,
  members: 0,
  due,
  ...of,
});

t.test('eight jobs of a tenant share a place, in the class of their priority', async (t) => {
  const places = new FairPlaces();
  const taken = Array.from({ length: 17 }, () => places.take(normal) - A_CLASS);
  t.same(taken, [...Array(8).fill(0), ...Array(8).fill(1), 2]);
  t.equal(places.take({ ...normal, tenantId: 'other' }), A_CLASS, 'another tenant begins in front');
  t.equal(places.take({ ...normal, priority: 'high' }), 0);
  t.equal(places.take({ ...normal, priority: 'low' }), 2 * A_CLASS);
  t.equal(places.take({ ...normal, type: 'export' }), A_CLASS, 'each queue has places of its own');
});

const between = (first: number, last: number) => new Map([['resize', { first, last }] as const]);

t.test('a look changes nothing for who waits, and has others join in front', async (t) => {
  const places = new FairPlaces();
  for (let added = 0; added < 80; added++) places.take(normal);
  // 40 of them have gone: the sixth place is in front.
  places.look([waiting(40)], between(A_CLASS + 5, A_CLASS + 9));
  t.equal(places.take(normal), A_CLASS + 10, 'as before the look');
  t.equal(places.take({ ...normal, tenantId: 'other' }), A_CLASS + 5);
});

t.test('one that comes back with a place of long ago has nobody overtake those who wait', async (t) => {
  const places = new FairPlaces();
  places.look([waiting(40), waiting(8, { tenantId: 'other' })], between(A_CLASS + 3, A_CLASS + 509));
  t.equal(places.take(normal), A_CLASS + 509, 'the last place of its tenant');
  t.equal(places.take({ ...normal, tenantId: 'third' }), A_CLASS + 504, 'where all the others are');
});

t.test('a more urgent job in front says nothing of those behind it', async (t) => {
  const places = new FairPlaces();
  places.look([waiting(8)], between(A_CLASS + 5, A_CLASS + 5));
  const urgent = waiting(8, { priority: 'high' });
  const later = waiting(8, { priority: 'low' });
  places.look([waiting(8), urgent, later], between(3, 2 * A_CLASS + 4));
  t.equal(places.take(normal), A_CLASS + 6);
  t.equal(places.take({ ...normal, priority: 'high' }), 4);
  t.equal(places.take({ ...normal, priority: 'low' }), 2 * A_CLASS + 4);
  places.look([waiting(8), urgent], new Map());
  t.equal(places.take(normal), A_CLASS + 6, 'nor does a queue that does not answer');
});

t.test('where nothing waits places begin at 0 again', async (t) => {
  const places = new FairPlaces();
  const high = { ...normal, priority: 'high' } as const;
  const there = waiting(8, { priority: 'high' });
  places.look([waiting(8), there], between(5, A_CLASS + 7));
  t.equal(places.take(high), 6);
  places.look([waiting(8), there], between(A_CLASS + 7, A_CLASS + 7));
  t.equal(places.take(high), 1, 'those that are recorded are yet to come');
  t.equal(places.take(normal), A_CLASS + 8);
  places.look([], new Map());
  t.equal(places.take(normal), A_CLASS);
  places.look([waiting(8)], new Map([['resize', undefined]]));
  t.equal(places.take(normal), A_CLASS + 1);
});

t.test('the last place has room for all', async (t) => {
  const places = new FairPlaces();
  places.look([waiting(10 * A_CLASS)], between(A_CLASS, A_CLASS));
  t.equal(places.take(normal), 2 * A_CLASS - 1);
});
