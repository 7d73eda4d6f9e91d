import t from 'tap';
import { openJobWorld } from '../../helpers/jobs.js';

t.test('a job is of a tenant that there is, and a tenant with jobs stays', async (t) => {
  const { database, newJob } = await openJobWorld(t);
  const { id } = await newJob();
  const copy = (tenantId: string) =>
    database.query(
      'jobs.copy',
      (sql) => sql`
        insert into jobs (tenant_id, id, type, state, priority, attempts_max, request)
        select ${tenantId}, gen_random_uuid(), type, state, priority, attempts_max, request from jobs where id = ${id}`,
    );
  await t.rejects(copy('nobody'), { code: '23503', message: /tenant that does not exist/ });
  t.equal((await copy('default')).count, 1);
  const removeTenant = () =>
    database.query('tenants.remove', (sql) => sql`delete from tenants where id = 'default'`);
  // Images have a foreign key of their own.
  await database.query('images.remove', (sql) => sql`delete from images`);
  await t.rejects(removeTenant(), { code: '23503', message: /tenant has jobs/ });
});
