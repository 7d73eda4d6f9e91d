-- Times are kept to the millisecond, as the API shows them: a cursor made of one finds its row again.

create table tenants (
  id text primary key,
  created_at timestamptz(3) not null default now()
);

insert into tenants (id) values ('default');

-- The bytes of originals. A row whose count is 0 has a file that may go (see lib/images/repository.ts).
create table blobs (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  bytes bigint not null check (bytes > 0),
  reference_count integer not null check (reference_count >= 0),
  created_at timestamptz(3) not null default now()
);

create index blobs_unreferenced on blobs (created_at) where reference_count = 0;

create table images (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  sha256 text not null references blobs (sha256),
  filename text not null,
  content_type text not null,
  bytes bigint not null,
  width integer not null,
  height integer not null,
  orientation smallint not null,
  has_alpha boolean not null,
  pages integer not null,
  metadata jsonb not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  version integer not null default 1,
  unique (tenant_id, sha256)
);

create index images_by_time on images (tenant_id, created_at, id);
create index images_by_type on images (tenant_id, content_type, created_at, id);

create table renditions (
  tenant_id text not null references tenants (id),
  id uuid not null,
  image_id uuid not null references images (id) on delete cascade,
  name text,
  options jsonb not null,
  options_hash text not null,
  content_type text not null,
  extension text not null,
  width integer not null,
  height integer not null,
  bytes bigint not null,
  sha256 text not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, id)
);

create index renditions_by_image on renditions (image_id, created_at, id);

create table jobs (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  type text not null,
  state text not null check (state in ('queued', 'active', 'completed', 'failed', 'cancelled')),
  progress smallint not null default 0 check (progress between 0 and 100),
  priority text not null check (priority in ('low', 'normal', 'high')),
  attempts_made smallint not null default 0,
  attempts_max smallint not null,
  -- How often the worker process died by its own fault while it had this job.
  crashes smallint not null default 0,
  -- Not a foreign key: a job's history outlives its image.
  image_id uuid,
  request jsonb not null,
  result jsonb,
  error jsonb,
  request_id text,
  traceparent text,
  worker_id text,
  created_at timestamptz(3) not null default now(),
  -- When the queue was last known to hold it; null where the queue could not be reached.
  enqueued_at timestamptz(3) default now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  updated_at timestamptz(3) not null default now(),
  version integer not null default 1
) with (fillfactor = 70);

create index jobs_by_time on jobs (tenant_id, created_at, id);
create index jobs_by_state on jobs (tenant_id, state, created_at, id);
create index jobs_by_image on jobs (image_id, created_at, id);
create index jobs_unfinished on jobs (enqueued_at nulls first) where state in ('queued', 'active');

create table presets (
  tenant_id text not null references tenants (id),
  name text not null,
  options jsonb not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  version integer not null default 1,
  primary key (tenant_id, name)
);

-- Worker processes that are alive: readiness looks for a fresh beat.
create table workers (
  id text primary key,
  beat_at timestamptz(3) not null default now()
);
