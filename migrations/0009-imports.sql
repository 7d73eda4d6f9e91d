-- Images named by the rows of a CSV. An import is a row under the id of its job; its rows are jobs of their own.
create table imports (
  id uuid primary key references jobs (id) on delete cascade,
  tenant_id text not null references tenants (id),
  -- The columns that its header names, in order (see lib/imports/columns.ts).
  columns jsonb not null,
  -- Size of the CSV.
  bytes bigint not null,
  -- The byte after the last row that is recorded, and the number of the line that begins there, from 1.
  position bigint not null,
  line integer not null,
  -- Rows up to that position: read, made jobs, and refused.
  read integer not null default 0,
  accepted integer not null default 0,
  rejected integer not null default 0,
  -- The run of its job that its members are of: less than the job's own until they are begun anew.
  run integer not null default 0
);

-- Rows that became no job, and why.
create table import_rejections (
  import_id uuid not null references imports (id) on delete cascade,
  line integer not null,
  code text not null,
  detail text not null,
  primary key (import_id, line)
);

-- How many members failed is asked again and again while a million of them run.
create index jobs_unsuccessful_members on jobs (parent_id, state, id)
  where parent_id is not null and state in ('failed', 'cancelled');
