import t from 'tap';
import { LinkKeys } from '../../../lib/links/link-keys.js';
import { openTestDatabase } from '../../helpers/database.js';

t.test('processes that start at once make one key, and know each other’s', async (t) => {
  const { database } = await openTestDatabase(t);
  const processes = Array.from({ length: 8 }, () => new LinkKeys(database));
  const made = await Promise.all(processes.map((keys) => keys.current()));
  t.equal(new Set(made.map(({ id }) => id)).size, 1);
  const [key] = made;
  t.match(await new LinkKeys(database).find(key?.id ?? 0), { id: key?.id });
  t.equal(await new LinkKeys(database).find(99), undefined);
});

t.test('each month another takes its place; the one before stays good, and no older one', async (t) => {
  const { database } = await openTestDatabase(t);
  const age = () =>
    database.query(
      'linkKeys.age',
      (sql) => sql`update link_keys set created_at = created_at - interval '31 days'`,
    );
  const ids: number[] = [];
  for (let i = 0; i < 3; i++) {
    ids.push((await new LinkKeys(database).current()).id);
    await age();
  }
  const [first = 0, second = 0, third = 0] = ids;
  t.equal(new Set(ids).size, 3);
  const keys = new LinkKeys(database);
  t.equal(await keys.find(first), undefined);
  t.match(await keys.find(second), { id: second });
  t.match(await keys.find(third), { id: third });
});
