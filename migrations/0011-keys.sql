-- API keys. Of a secret only its SHA-256 is kept: it has 256 bits of its own, and needs no slow hash.
create table api_keys (
  id uuid primary key,
  tenant_id text not null references tenants (id),
  -- The part of the token that may be seen: it finds the row.
  prefix text not null unique,
  name text,
  role text not null check (role in ('reader', 'writer', 'admin')),
  secret_sha256 bytea not null,
  -- The secret before the last rotation, and how long it is still good.
  previous_sha256 bytea,
  previous_until timestamptz(3),
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  check ((previous_sha256 is null) = (previous_until is null))
);

create index api_keys_by_time on api_keys (tenant_id, created_at, id);
create index api_keys_of_all_by_time on api_keys (created_at, id);
