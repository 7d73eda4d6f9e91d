import t from 'tap';
import { fixtures, isWhole } from './fixtures.js';
import { openJudge } from './judge.js';
import { runMutations } from './mutations.js';

t.test('the files to begin with are sound', async (t) => {
  const judge = await openJudge();
  t.teardown(() => judge.close());
  for (const fixture of await fixtures()) {
    t.ok(await isWhole(fixture), fixture.name);
    for (let way = 0; way < 3; way++)
      t.same(await judge.judge(fixture.bytes), { kind: 'image' }, fixture.name);
  }
});

t.test('damaged files end in an image or a named problem', async (t) => {
  const { files, images, problems, failures } = await runMutations({
    seed: 'npm test',
    mutations: 20,
    cuts: 100,
  });
  t.same(failures, []);
  t.comment(`${files} files: ${images} images, ${JSON.stringify(problems)}`);
  t.ok(images > files / 20, 'some are whole enough');
  t.ok(Object.values(problems).reduce((sum, count) => sum + count) > files / 4, 'and some are not');
});
