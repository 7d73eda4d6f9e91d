-- What a tenant may have, and what it has. What is used is kept for those who have limits only, by triggers,
-- whatever way an image or a job comes. Each of them takes the tenant's row until its transaction ends, so that two
-- at once do not both get the last place. Until somebody has limits they are switched off, and cost nothing.

-- What applies to tenants without quotas of their own: set from the environment at each start. 0: no limit.
create table quota_defaults (
  only_row boolean primary key default true check (only_row),
  bytes bigint not null default 0,
  images bigint not null default 0,
  queued_jobs bigint not null default 0,
  megapixels_an_hour bigint not null default 0
);

insert into quota_defaults default values;

alter table tenants
  -- Null: the default.
  add column own_bytes bigint,
  add column own_images bigint,
  add column own_queued_jobs bigint,
  add column own_megapixels_an_hour bigint,
  -- What applies: its own, or the default (see settle_quotas).
  add column max_bytes bigint not null default 0,
  add column max_images bigint not null default 0,
  add column max_queued_jobs bigint not null default 0,
  add column max_megapixels_an_hour bigint not null default 0,
  add column is_limited boolean not null generated always as
    (max_bytes > 0 or max_images > 0 or max_queued_jobs > 0 or max_megapixels_an_hour > 0) stored,
  -- Originals and renditions; kept while it is limited.
  add column used_bytes bigint not null default 0,
  add column used_images bigint not null default 0,
  -- The pixels that jobs were asked to read in the hour that began then.
  add column hour_began_at timestamptz(3) not null default now(),
  add column hour_pixels bigint not null default 0;

create index tenants_limited on tenants (id) where is_limited;
create index jobs_unfinished_batches on jobs (tenant_id) where type = 'batch' and state in ('queued', 'active');

-- Jobs of a tenant that wait, deliveries apart, counted up to `most`; and the members of batches that are yet to be made.
create function queued_jobs(tenant text, most bigint) returns bigint stable language sql
  begin atomic
    select
      (select count(*) from (
        select from jobs where tenant_id = tenant and state = 'queued' and type <> 'notify' limit most) as waiting)
      + (select coalesce(sum(batches.total - batches.expanded), 0)::bigint
        from jobs join batches on batches.id = jobs.id
        where jobs.tenant_id = tenant and jobs.type = 'batch' and jobs.state in ('queued', 'active')
          and batches.stopped_at is null);
  end;

-- Refuses what is over a quota: read by lib/tenants/quota-problem.ts. HTQ01 is nobody's else.
create function refuse_over_quota(quota text, used bigint, asked bigint, most bigint, seconds bigint) returns void
  language plpgsql as $$
begin
  raise exception using errcode = 'HTQ01', message = 'quota exceeded', detail = jsonb_build_object(
    'quota', quota, 'used', used, 'asked', asked, 'most', most, 'seconds', seconds)::text;
end $$;

-- Lets a limited tenant have so many jobs more, which read so many pixels; its row is held by the caller.
create function admit_jobs(tenant tenants, asked bigint, pixels bigint) returns void language plpgsql as $$
declare
  waiting bigint;
  ends_at timestamptz := tenant.hour_began_at + interval '1 hour';
  most bigint := tenant.max_megapixels_an_hour * 1000000;
  used bigint := case when ends_at > now() then tenant.hour_pixels else 0 end;
begin
  if tenant.max_queued_jobs > 0 and asked > 0 then
    waiting := queued_jobs(tenant.id, tenant.max_queued_jobs + asked);
    -- They are counted already.
    if waiting > tenant.max_queued_jobs then
      perform refuse_over_quota('queuedJobs', waiting - asked, asked, tenant.max_queued_jobs, null);
    end if;
  end if;
  if most > 0 then
    -- One that is larger than the quota has an hour of its own. Of a source the size is not known yet.
    if used > 0 and (used + pixels > most or used >= most) then
      perform refuse_over_quota('megapixelsAnHour', used, pixels, most,
        greatest(1, ceil(extract(epoch from ends_at - now())))::bigint);
    end if;
    if pixels > 0 then
      perform use_pixels(tenant.id, pixels);
    end if;
  end if;
end $$;

create function use_pixels(tenant text, pixels bigint) returns void language sql
  begin atomic
    update tenants set
      hour_pixels = pixels + case when hour_began_at + interval '1 hour' > now() then hour_pixels else 0 end,
      hour_began_at = case when hour_began_at + interval '1 hour' > now() then hour_began_at else now() end
    where id = tenant;
  end;

-- New jobs of a limited tenant. Deliveries, steps and members of batches are let in with what they belong to.
create function admit_new_jobs() returns trigger language plpgsql as $$
declare
  tenant tenants;
begin
  for tenant in
    select * from tenants where is_limited and id in (select tenant_id from added where state = 'queued')
    order by id for no key update
  loop
    perform admit_jobs(tenant, count(*), coalesce(sum(images.width::bigint * images.height * images.pages), 0)::bigint)
    from added left join images on images.id = added.image_id and added.type = 'resize'
    where added.tenant_id = tenant.id and added.state = 'queued' and added.type <> 'notify' and added.step_of is null
      and not exists (select from batches where batches.id = added.parent_id)
    having count(*) > 0;
  end loop;
  return null;
end $$;

create trigger jobs_are_admitted after insert on jobs referencing new table as added
  for each statement execute function admit_new_jobs();

-- A job that is begun anew. Members that are begun with their batch or import were let in with it.
create function admit_again() returns trigger language plpgsql as $$
declare
  tenant tenants;
begin
  if exists (select from jobs where id in (new.parent_id, new.step_of) and state in ('queued', 'active')) then
    return null;
  end if;
  select * into tenant from tenants where is_limited and id = new.tenant_id for no key update;
  if found then
    perform admit_jobs(tenant, 1, coalesce(
      (select images.width::bigint * images.height * images.pages from images
        where images.id = new.image_id and new.type = 'resize'), 0));
  end if;
  return null;
end $$;

create trigger job_begins_again after update of run on jobs
  for each row when (old.run <> new.run and new.type <> 'notify') execute function admit_again();

-- A job that has got its image: what it reads is known now.
create function count_source() returns trigger language plpgsql as $$
begin
  perform use_pixels(tenants.id, images.width::bigint * images.height * images.pages)
  from tenants, images
  where tenants.id = new.tenant_id and max_megapixels_an_hour > 0 and images.id = new.image_id;
  return null;
end $$;

create trigger job_has_image after update of image_id on jobs
  for each row when (old.image_id is null and new.image_id is not null) execute function count_source();

-- A batch has all of its members from the beginning.
create function admit_batch() returns trigger language plpgsql as $$
declare
  tenant tenants;
begin
  select * into tenant from tenants where is_limited and id = new.tenant_id for no key update;
  if found then
    perform admit_jobs(tenant, new.total, coalesce((
      select sum(images.width::bigint * images.height * images.pages) from images where id = any (new.image_ids)), 0)::bigint);
  end if;
  return null;
end $$;

create trigger batch_is_new after insert on batches for each row execute function admit_batch();

create function admit_image() returns trigger language plpgsql as $$
declare
  tenant tenants;
begin
  select * into tenant from tenants where is_limited and id = new.tenant_id for no key update;
  if not found then
    return null;
  end if;
  if tenant.max_images > 0 and tenant.used_images >= tenant.max_images then
    perform refuse_over_quota('images', tenant.used_images, 1, tenant.max_images, null);
  end if;
  if tenant.max_bytes > 0 and tenant.used_bytes + new.bytes > tenant.max_bytes then
    perform refuse_over_quota('bytes', tenant.used_bytes, new.bytes, tenant.max_bytes, null);
  end if;
  update tenants set used_images = used_images + 1, used_bytes = used_bytes + new.bytes where id = new.tenant_id;
  return null;
end $$;

create function forget_images() returns trigger language plpgsql as $$
begin
  -- As an insert does: whoever is about to count waits for this.
  perform from tenants where id in (select tenant_id from removed) order by id for key share;
  update tenants set used_images = used_images - gone.images, used_bytes = used_bytes - gone.bytes
  from (select tenant_id, count(*) as images, sum(bytes) as bytes from removed group by tenant_id) as gone
  where tenants.id = gone.tenant_id and is_limited;
  return null;
end $$;

create trigger image_is_admitted after insert on images for each row execute function admit_image();
create trigger images_are_gone after delete on images referencing old table as removed
  for each statement execute function forget_images();

-- Renditions are let in with the job that makes them.
create function count_renditions() returns trigger language plpgsql as $$
begin
  update tenants set used_bytes = used_bytes + changed.bytes
  from (
    select tenant_id, sum(case tg_op when 'DELETE' then -bytes else bytes end) as bytes from touched group by tenant_id
  ) as changed
  where tenants.id = changed.tenant_id and is_limited;
  return null;
end $$;

create trigger renditions_are_new after insert on renditions referencing new table as touched
  for each statement execute function count_renditions();
create trigger renditions_are_gone after delete on renditions referencing old table as touched
  for each statement execute function count_renditions();

alter table images disable trigger image_is_admitted, disable trigger images_are_gone;
alter table renditions disable trigger renditions_are_new, disable trigger renditions_are_gone;
alter table jobs disable trigger jobs_are_admitted, disable trigger job_begins_again, disable trigger job_has_image;
alter table batches disable trigger batch_is_new;

-- Switches the triggers on. Whoever writes to these tables is waited for: so call it before any tenant's row is
-- held. Tables are taken in the order in which all transactions do.
create function switch_on_quotas() returns void language plpgsql as $$
begin
  if exists (select from pg_trigger where tgrelid = 'batches'::regclass and tgname = 'batch_is_new' and tgenabled = 'D') then
    alter table images enable trigger image_is_admitted, enable trigger images_are_gone;
    alter table renditions enable trigger renditions_are_new, enable trigger renditions_are_gone;
    alter table jobs enable trigger jobs_are_admitted, enable trigger job_begins_again, enable trigger job_has_image;
    alter table batches enable trigger batch_is_new;
  end if;
end $$;

-- Settles what applies to one tenant, or to all, and counts what those have who were not limited before. Whoever
-- is adding to it holds the key of the tenant's row: those are waited for, and all others wait.
create function settle_quotas(tenant text default null) returns void language plpgsql as $$
declare
  settled record;
begin
  for settled in
    select tenants.id, is_limited,
      coalesce(own_bytes, bytes) as bytes, coalesce(own_images, images) as images,
      coalesce(own_queued_jobs, queued_jobs) as queued_jobs,
      coalesce(own_megapixels_an_hour, megapixels_an_hour) as megapixels
    from tenants cross join quota_defaults
    where (tenant is null or tenants.id = tenant)
      and (max_bytes, max_images, max_queued_jobs, max_megapixels_an_hour) is distinct from
        (coalesce(own_bytes, bytes), coalesce(own_images, images), coalesce(own_queued_jobs, queued_jobs),
          coalesce(own_megapixels_an_hour, megapixels_an_hour))
    order by tenants.id for update of tenants
  loop
    update tenants set max_bytes = settled.bytes, max_images = settled.images,
      max_queued_jobs = settled.queued_jobs, max_megapixels_an_hour = settled.megapixels
    where id = settled.id;
    if not settled.is_limited then
      update tenants set (used_images, used_bytes) = (
        select count(*), coalesce(sum(bytes), 0)
          + (select coalesce(sum(renditions.bytes), 0) from renditions where renditions.tenant_id = settled.id)
        from images where images.tenant_id = settled.id)
      where id = settled.id and is_limited;
    end if;
  end loop;
end $$;

create function begin_with_defaults() returns trigger language plpgsql as $$
begin
  select bytes, images, queued_jobs, megapixels_an_hour
  into new.max_bytes, new.max_images, new.max_queued_jobs, new.max_megapixels_an_hour from quota_defaults;
  return new;
end $$;

create trigger tenant_is_new before insert on tenants for each row execute function begin_with_defaults();

-- Tenants as operators see them. What is not kept, because nothing limits it, is null.
create view tenant_states as
select
  id, created_at, max_bytes, max_images, max_queued_jobs, max_megapixels_an_hour,
  case when is_limited then used_bytes end as used_bytes,
  case when is_limited then used_images end as used_images,
  queued_jobs(id, 1000000000) as queued_jobs,
  case when not is_limited then null when hour_began_at + interval '1 hour' > now() then hour_pixels else 0 end as hour_pixels
from tenants;
