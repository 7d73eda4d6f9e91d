import t from 'tap';
import { Problem } from '../../../lib/errors.js';
import { attemptDelayMs } from '../../../lib/queue/backoff.js';

t.test('doubles with each attempt, half of it at random', async (t) => {
  const error = new Error('no');
  t.same(
    [1, 2, 3].map((attempts) => attemptDelayMs(1_000, attempts, error, 0)),
    [1_000, 2_000, 4_000],
  );
  t.equal(attemptDelayMs(1_000, 1, error, 1), 500);
});

t.test('is never less than what the error asks for', async (t) => {
  const busy = (retryAfter: number) => new Problem('REMOTE_UNREACHABLE', 'busy', { retryAfter });
  t.equal(attemptDelayMs(1_000, 1, busy(30)), 30_000);
  t.equal(attemptDelayMs(1_000, 6, busy(1), 0), 32_000);
  t.equal(attemptDelayMs(1_000, 1, new Problem('REMOTE_UNREACHABLE', 'busy'), 0), 1_000);
});
