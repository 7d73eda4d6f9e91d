import type { Executor } from './client.js';
import { TENANT_ROLE } from './tenancy.js';

/**
 * Makes the role, or lets it see the tables that are new; in the transaction `sql`, at the start.
 *
 * @throws Error that says what to do where the database's user may not make a role
 */
export async function prepareTenantRole(sql: Executor): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext(${TENANT_ROLE}))`;
  const [role] = await sql<{ isOurs: boolean }[]>`
    select pg_has_role(current_user, oid, 'member') as is_ours from pg_roles where rolname = ${TENANT_ROLE}`;
  try {
    // Beside us another database of the same server may be made ready.
    if (!role) {
      await sql.unsafe(`do $$ begin
        create role ${TENANT_ROLE} nologin;
      exception when duplicate_object or unique_violation then null;
      end $$`);
    }
    if (!role?.isOurs) await sql.unsafe(`grant ${TENANT_ROLE} to current_user`);
  } catch (cause) {
    throw new Error(
      `ROW_SECURITY is "on", and the user of DATABASE_URL may not make its role. Have an administrator run: create role ${TENANT_ROLE} nologin; grant ${TENANT_ROLE} to the user. Or set ROW_SECURITY=off.`,
      { cause },
    );
  }
  await sql.unsafe(`
    do $$ begin
      execute format('grant usage on schema %I to ${TENANT_ROLE}', current_schema());
      execute format('grant select, insert, update, delete on all tables in schema %I to ${TENANT_ROLE}', current_schema());
    end $$`);
}
