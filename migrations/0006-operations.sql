-- What operators see and do.

-- The last jobs of a type that ended in a state: their times, those to begin anew, those to clean away.
create index jobs_ended on jobs (type, state, finished_at) where finished_at is not null;

-- Queues that an operator has paused: the queue's own flag goes with the data of a Redis that is emptied.
create table paused_queues (
  name text primary key,
  paused_at timestamptz(3) not null default now()
);

-- Where the alarms of the whole service stand (see lib/alarms/service-watch.ts). Who has the row's lock
-- looks at the service; the others let it.
create table alarm_state (
  scope text primary key,
  state jsonb not null
);

insert into alarm_state (scope, state) values ('service', '{}');
