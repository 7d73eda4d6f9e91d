import t from 'tap';
import { median, quantile, slope } from '../../../scripts/bench/statistics.js';

t.test('the median is the middle, or lies between the two in the middle', async (t) => {
  t.equal(median([9, 1, 5]), 5);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.ok(Number.isNaN(median([])));
});

t.test('a quantile lies between its neighbours', async (t) => {
  const values = Array.from({ length: 101 }, (_, index) => 100 - index);
  t.equal(quantile(values, 0.99), 99);
  t.equal(quantile(values, 0), 0);
  t.equal(quantile([10, 20], 0.25), 12.5);
});

t.test('the slope is that of the line through the points', async (t) => {
  t.equal(
    slope([
      { x: 1, y: 12 },
      { x: 2, y: 14 },
      { x: 3, y: 16 },
    ]),
    2,
  );
  t.equal(
    slope([
      { x: 0, y: 5 },
      { x: 1, y: 5 },
    ]),
    0,
  );
});
