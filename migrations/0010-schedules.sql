-- Work that begins by the clock. The next run stands in the row: a tick is claimed by moving it on, in the
-- transaction that records its job, so that it runs once however many processes look.
create table schedules (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  name text not null,
  cron text,
  every_ms bigint,
  timezone text not null,
  jitter_seconds integer not null,
  -- What it runs: the body of an export or of a batch.
  run jsonb not null,
  enabled boolean not null,
  -- Null while it is switched off, or will never run again.
  next_run_at timestamptz(3),
  last_run_at timestamptz(3),
  last_job_id uuid,
  -- Why the last run made no job.
  last_error jsonb,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  check ((cron is null) <> (every_ms is null))
);

create index schedules_by_time on schedules (tenant_id, created_at, id);
create index schedules_due on schedules (next_run_at) where next_run_at is not null;
