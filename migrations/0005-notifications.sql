-- Who is told what, what is to be told, and how that went.

create table webhooks (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  url text not null,
  events jsonb not null,
  enabled boolean not null,
  -- Why the service switched it off.
  disabled_reason text,
  -- In clear: every message is signed with them.
  secret text not null,
  previous_secret text,
  previous_secret_until timestamptz(3),
  -- Since when every attempt has failed.
  failing_since timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

create index webhooks_by_time on webhooks (tenant_id, created_at, id);
create index webhooks_enabled on webhooks (tenant_id) where enabled;

-- One message to one webhook, or to some addresses. Its id is that of the job that delivers it, and it
-- stands where its job stands: see the view below.
create table deliveries (
  id uuid primary key references jobs (id) on delete cascade,
  tenant_id text not null references tenants (id),
  -- Null for e-mail.
  webhook_id uuid references webhooks (id) on delete cascade,
  -- Who gets it, and under which subject; null for a webhook.
  mail jsonb,
  type text not null,
  -- Exactly what is sent.
  payload text not null,
  attempts smallint not null default 0,
  last_status smallint,
  last_error text,
  -- The beginning of the last answer.
  response text,
  last_attempt_at timestamptz(3),
  next_attempt_at timestamptz(3) default now(),
  give_up_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  check ((webhook_id is null) <> (mail is null))
);

create index deliveries_by_webhook on deliveries (webhook_id, created_at, id);

create view delivery_states as
select
  deliveries.id, deliveries.tenant_id, webhook_id, mail, deliveries.type, payload, jobs.state, attempts,
  last_status, last_error, response, last_attempt_at,
  case when jobs.state in ('queued', 'active') then next_attempt_at end as next_attempt_at,
  give_up_at, deliveries.created_at
from deliveries join jobs on jobs.id = deliveries.id;

-- What has happened and is yet to be told, as it was at that moment: written by the transaction that made
-- it happen, and turned into deliveries a moment later (see lib/notifications/outbox.ts).
create table outbox (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  kind text not null check (kind in ('job', 'image.created', 'image.deleted')),
  subject jsonb not null,
  created_at timestamptz(3) not null default now()
);

-- Where nobody is to be told, nothing is written: a service without webhooks pays for one look at an empty table.
-- In PL/pgSQL, which keeps the plan: a function in SQL is planned again for every statement.
create function is_wanted(tenant text, types text[]) returns boolean stable language plpgsql as $$
begin
  return exists (select from webhooks where tenant_id = tenant and enabled and events ?| types);
end $$;

create function record_job_end() returns trigger language plpgsql as $$
begin
  if new.notify is not null
    or is_wanted(new.tenant_id, array['*', 'job.' || new.state, new.type || '.' || new.state])
  then
    insert into outbox (tenant_id, kind, subject) values (new.tenant_id, 'job', to_jsonb(new));
  end if;
  return null;
end $$;

create function record_image() returns trigger language plpgsql as $$
declare
  image images := case tg_op when 'DELETE' then old else new end;
begin
  if is_wanted(image.tenant_id, array['*', tg_argv[0]]) then
    insert into outbox (tenant_id, kind, subject) values (image.tenant_id, tg_argv[0], to_jsonb(image));
  end if;
  return null;
end $$;

-- Of deliveries nobody is told: that would be a delivery of its own, and so on.
create trigger job_has_ended after update of state on jobs
  for each row when (
    old.state in ('queued', 'active') and new.state in ('completed', 'failed', 'cancelled') and new.type <> 'notify'
  ) execute function record_job_end();
create trigger image_is_new after insert on images
  for each row execute function record_image('image.created');
create trigger image_is_gone after delete on images
  for each row execute function record_image('image.deleted');
