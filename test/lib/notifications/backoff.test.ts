import t from 'tap';
import { GIVE_UP_MS, MAX_ATTEMPTS, retryDelay } from '../../../lib/notifications/backoff.js';

t.test('from five seconds, doubling, for about a day', async (t) => {
  t.equal(retryDelay(1, 0.5), 5_000);
  t.equal(retryDelay(2, 0.5), 10_000);
  const total = (random: number): number =>
    Array.from({ length: MAX_ATTEMPTS - 1 }, (_, index) => retryDelay(index + 1, random)).reduce(
      (a, b) => a + b,
    );
  const hours = total(0.5) / 3_600_000;
  t.ok(hours > 22 && hours < 24, `${hours} h`);
  t.ok(total(1) < GIVE_UP_MS + 3_600_000, 'the last attempt comes before it is given up, or nearly');
  t.ok(retryDelay(3, 0) < retryDelay(3, 1), 'with jitter');
});
