-- A second lock between tenants, beside the conditions of every query: whoever takes the role halftone_tenant sees
-- the rows of one tenant, and none at all before it says which. The owner of the tables is not held to it: workers
-- and operators see all. The role itself is made at the start (see lib/database/tenant-role.ts), as it belongs to the
-- whole server and not to this database: a dump that is restored elsewhere would come without it.
create function current_tenant() returns text stable parallel safe language sql
  return current_setting('halftone.tenant', true);

do $$
declare
  name text;
begin
  for name in
    select table_name from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = current_schema() and column_name = 'tenant_id' and table_type = 'BASE TABLE'
  loop
    execute format('alter table %I enable row level security', name);
    -- As a subquery it is computed once, and not for every row.
    execute format('create policy of_tenant on %I using (tenant_id = (select current_tenant()))', name);
  end loop;
end $$;

alter table tenants enable row level security;
create policy of_tenant on tenants using (id = (select current_tenant()));

-- A view is read with the rights of its owner unless it says otherwise.
alter view export_states set (security_invoker = true);
alter view delivery_states set (security_invoker = true);
alter view tenant_states set (security_invoker = true);
