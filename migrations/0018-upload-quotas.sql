-- Uploads in parts take the bytes that they announce from the beginning: they lie on the disk before there is an
-- image to count. See 0014-quotas.sql.

create index uploads_unfinished on uploads (tenant_id) where image_id is null and error is null and not swept;

create function admit_upload() returns trigger language plpgsql as $$
declare
  tenant tenants;
  promised bigint;
begin
  select * into tenant from tenants where max_bytes > 0 and id = new.tenant_id for no key update;
  if not found then
    return null;
  end if;
  select coalesce(sum(size), 0) into promised from uploads
    where tenant_id = new.tenant_id and id <> new.id
      and image_id is null and error is null and not swept and expires_at > now();
  if tenant.used_bytes + promised + new.size > tenant.max_bytes then
    perform refuse_over_quota('bytes', tenant.used_bytes + promised, new.size, tenant.max_bytes, null);
  end if;
  return null;
end $$;

create trigger upload_is_admitted after insert on uploads for each row execute function admit_upload();

create or replace function switch_on_quotas() returns void language plpgsql as $$
begin
  if exists (select from pg_trigger where tgrelid = 'uploads'::regclass and tgname = 'upload_is_admitted' and tgenabled = 'D') then
    alter table images enable trigger image_is_admitted, enable trigger images_are_gone;
    alter table renditions enable trigger renditions_are_new, enable trigger renditions_are_gone;
    alter table jobs enable trigger jobs_are_admitted, enable trigger job_begins_again, enable trigger job_has_image;
    alter table batches enable trigger batch_is_new;
    alter table uploads enable trigger upload_is_admitted;
  end if;
end $$;

-- As the others are: off until somebody has quotas.
alter table uploads disable trigger upload_is_admitted;
do $$ begin
  if exists (select from tenants where is_limited) then
    perform switch_on_quotas();
  end if;
end $$;
