-- Many images, one request. A batch is a row under the id of its job; its members are jobs of their own.
create table batches (
  id uuid primary key references jobs (id) on delete cascade,
  tenant_id text not null references tenants (id),
  -- Fixed when it was asked for, each once, in the asked order.
  image_ids uuid[] not null,
  total integer not null,
  -- Rendition options with presets resolved, and the steps (see lib/batches/steps.ts).
  wanted jsonb not null,
  steps jsonb not null,
  on_failure text not null check (on_failure in ('continue', 'stop')),
  -- So many of its images have become members that the queue was given.
  expanded integer not null default 0,
  -- Until then a worker is making members; one that dies is followed by another.
  leased_until timestamptz,
  -- The run of its job that members and steps are of: less than the job's own until they are begun anew.
  run integer not null default 0,
  -- Set when a failure has stopped it: no member is added any more.
  stopped_at timestamptz(3),
  -- Ids of the jobs of the steps that have begun in this run, by the place of the step.
  step_jobs jsonb not null default '{}'
);

-- Members come by the hundred: one statement records what became of all of them, which takes half the time
-- of one a row.
create function record_new_jobs() returns trigger language plpgsql as $$
begin
  insert into job_events
    (tenant_id, job_id, kind, version, state, progress, attempts_made, started_at, finished_at, result, error)
  select tenant_id, id, 'state', version, state, progress, attempts_made, started_at, finished_at, result, error
  from added where state = 'queued';
  return null;
end $$;

drop trigger job_is_new on jobs;
create trigger jobs_are_new after insert on jobs referencing new table as added
  for each statement execute function record_new_jobs();
