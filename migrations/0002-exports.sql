-- Exports that are made into a file. What they hold and where they stand is one row of the view below.
create table exports (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  -- Not unique: nothing depends on it, and a job outlives its export.
  job_id uuid not null references jobs (id),
  dataset text not null,
  format text not null,
  compression text not null,
  -- As it was asked for, so that it can be made again (see lib/exports/body.ts).
  request jsonb not null,
  rows bigint,
  bytes bigint,
  sha256 text,
  created_at timestamptz(3) not null default now(),
  finished_at timestamptz(3),
  expires_at timestamptz(3),
  -- When its file was removed, after it had expired.
  removed_at timestamptz(3)
);

create index exports_by_time on exports (tenant_id, created_at, id);
create index exports_by_job on exports (job_id);
create index exports_expiring on exports (expires_at) where removed_at is null;

-- Renditions are listed image by image; an export reads them all in the order of their time.
create index renditions_by_time on renditions (tenant_id, created_at, id);

-- An export stands where its job stands, until it expires: one truth, in one place.
create view export_states as
select
  exports.*,
  case when jobs.state = 'completed' and exports.expires_at <= now() then 'expired' else jobs.state end as state
from exports join jobs on jobs.id = exports.job_id;
