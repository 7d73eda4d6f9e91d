import t from 'tap';
import { damagedFiles } from '../faults/damaged-files.js';
import { shortForm } from '../faults/short-form.js';
import { fixtures, isWhole } from './fixtures.js';
import { openJudge } from './judge.js';

await t.test('the files to begin with are sound', async (t) => {
  const judge = await openJudge();
  t.teardown(() => judge.close());
  for (const fixture of await fixtures()) {
    t.ok(await isWhole(fixture), fixture.name);
    for (let way = 0; way < 3; way++)
      t.same(await judge.judge(fixture.bytes), { kind: 'image' }, fixture.name);
  }
});

await shortForm(t, damagedFiles, 0.002);
