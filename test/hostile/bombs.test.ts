import t from 'tap';
import { bombs } from './bombs.js';
import { isSound, openJudge } from './judge.js';

t.test('bombs do not go off', async (t) => {
  const judge = await openJudge();
  t.teardown(() => judge.close());
  for (const { name, bytes, code } of await bombs()) {
    const verdict = await judge.judge(bytes);
    if (code) t.same(verdict, { kind: 'problem', code }, name);
    else t.ok(isSound(verdict), `${name}: ${JSON.stringify(verdict)}`);
  }
});
