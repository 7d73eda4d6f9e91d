-- Jobs that depend on other jobs, on the clock and on their users, and a record of what became of each.

alter table jobs
  -- The batch or import whose member it is.
  add column parent_id uuid,
  -- The batch of which it is a step, run when the members have ended, and which one, from 0.
  add column step_of uuid,
  add column step smallint,
  -- How often it was begun anew after it had ended: the queue tells its runs apart.
  add column run integer not null default 0,
  -- Not before this time.
  add column run_at timestamptz(3),
  -- Set when somebody asked to cancel it; whoever has it in hand ends it.
  add column cancel_requested_at timestamptz(3),
  -- What makes it the same work as another: one of them at a time.
  add column dedup_key text,
  -- Who is told of its end beside the webhooks (see lib/notifications).
  add column notify jsonb;

create index jobs_by_parent on jobs (parent_id, created_at, id) where parent_id is not null;
create index jobs_unfinished_members on jobs (parent_id) where parent_id is not null and state in ('queued', 'active');
create index jobs_by_batch on jobs (step_of, step) where step_of is not null;
create index jobs_cancelling on jobs (id) where cancel_requested_at is not null and state in ('queued', 'active');
create unique index jobs_in_flight on jobs (tenant_id, dedup_key)
  where dedup_key is not null and state in ('queued', 'active');

-- What became of jobs, step by step: each row is a job as it was after a change that a client can see.
-- Ids are given before a transaction commits, and so may appear out of order; which are new since somebody
-- looked is told by the transactions that were seen then (see lib/jobs/event-position.ts).
create table job_events (
  transaction_id xid8 not null default pg_current_xact_id(),
  id bigint generated always as identity,
  tenant_id text not null,
  -- Not a foreign key: each change of a job would pay for it, and events are kept for an hour only.
  job_id uuid not null,
  kind text not null check (kind in ('state', 'progress')),
  version integer not null,
  state text not null,
  progress smallint not null,
  attempts_made smallint not null,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  result jsonb,
  error jsonb,
  created_at timestamptz(3) not null default now(),
  primary key (transaction_id, id)
);

create index job_events_by_job on job_events (job_id, version);
create index job_events_by_time on job_events using brin (created_at);

create function record_job_event() returns trigger language plpgsql as $$
begin
  insert into job_events
    (tenant_id, job_id, kind, version, state, progress, attempts_made, started_at, finished_at, result, error)
  values
    (new.tenant_id, new.id, tg_argv[0], new.version, new.state, new.progress, new.attempts_made,
     new.started_at, new.finished_at, new.result, new.error);
  return null;
end $$;

-- A job that is recorded as ended was imported, not made here: it tells nobody anything.
create trigger job_is_new after insert on jobs
  for each row when (new.state = 'queued') execute function record_job_event('state');
create trigger job_changed_state after update on jobs
  for each row when (old.state <> new.state) execute function record_job_event('state');
create trigger job_moved_on after update on jobs
  for each row when (old.state = new.state and old.version <> new.version) execute function record_job_event('progress');
