import t from 'tap';
import { shareStatement } from '../../../lib/database/shared-statement.js';
import { latch } from '../../helpers/events.js';

t.test('those who come while a statement is under way share the next; each has its own answer', async (t) => {
  const ran: (readonly number[])[] = [];
  const first = latch();
  const double = shareStatement(async (asked: readonly number[]) => {
    ran.push(asked);
    if (ran.length === 1) await first.opened;
    return asked.map((each) => 2 * each);
  });
  const all = [1, 2, 3].map((each) => double(each));
  first.open();
  t.same(await Promise.all(all), [2, 4, 6]);
  t.same(ran, [[1], [2, 3]]);
});

t.test('a statement that fails fails all who share it, and nobody after', async (t) => {
  const answer = shareStatement(async (asked: readonly string[]) => {
    if (asked.includes('bad')) throw new Error('refused');
    return asked;
  });
  const first = answer('first');
  const both = await Promise.allSettled([answer('bad'), answer('with it')]);
  t.match(both, [{ reason: { message: 'refused' } }, { reason: { message: 'refused' } }]);
  t.equal(await first, 'first');
  t.equal(await answer('later'), 'later');
});
