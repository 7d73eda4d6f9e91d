-- Uploads that come in parts. Their bytes lie in the store's folder `uploads` until the last one is in: then the
-- file becomes an image, and the row says which.
create table uploads (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  -- Bytes it will have.
  size bigint not null,
  -- Bytes that are safely on the disk. It is the size only once the image is recorded, in the same transaction.
  "offset" bigint not null default 0,
  -- The field Upload-Metadata as it came.
  metadata text not null,
  image_id uuid,
  job_id uuid,
  -- Why it became no image.
  error jsonb,
  -- Who writes it, and until when if he does not renew it; and whether somebody else waits for it.
  lock_token uuid,
  locked_until timestamptz,
  release_wanted boolean not null default false,
  -- Whether its file has been removed after it had expired.
  swept boolean not null default false,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  check ("offset" between 0 and size)
);

create index uploads_by_expiry on uploads (expires_at);
create index uploads_locked on uploads (lock_token) where lock_token is not null;
