import { availableParallelism } from 'node:os';
import t from 'tap';
import { availableCpus, quotaOf } from '../../lib/cpus.js';

t.test('the quota of a cgroup in CPUs', async (t) => {
  t.equal(quotaOf('200000 100000\n'), 2);
  t.equal(quotaOf('150000 100000'), 1.5);
  t.equal(quotaOf('400000 50000'), 8);
  t.equal(quotaOf('5000 100000'), 1, 'never less than one');
  for (const unlimited of ['max 100000', 'max', '', 'junk', '0 100000', '-1 100000', '100000 0']) {
    t.equal(quotaOf(unlimited), Number.POSITIVE_INFINITY, JSON.stringify(unlimited));
  }
});

t.test('this machine has at least one CPU, and no more than it may run on', async (t) => {
  t.ok(availableCpus() >= 1);
  t.ok(availableCpus() <= availableParallelism());
});
