import t from 'tap';
import { FetchPlaces } from '../../workers/fetch-places.js';

t.test('places are taken, and given to who waits', async (t) => {
  const places = new FetchPlaces(2, 60_000);
  t.same(await Promise.all([places.enter(), places.enter()]), [0, 0]);
  const [third, fourth] = [places.enter(), places.enter()];
  places.leave();
  t.equal(await third, 0);
  places.leave();
  t.equal(await fourth, 0);
  for (const _ of [1, 2]) places.leave();
  t.same(await Promise.all([places.enter(), places.enter()]), [0, 0], 'none is lost');
});

t.test('where none comes free, others are sent away, each until its own turn', async (t) => {
  const places = new FetchPlaces(1, 0);
  t.equal(await places.enter(), 0);
  const turns: number[] = [];
  for (let count = 0; count < 300; count += 1) turns.push(await places.enter());
  t.ok((turns[0] ?? 0) >= 1_000);
  t.ok(turns.every((turn) => turn <= 30_000));
  t.ok(new Set(turns.slice(0, 50)).size > 40, 'not all at once');
  places.leave();
  t.equal(await places.enter(), 0);
});
