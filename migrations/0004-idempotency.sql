-- The first answers to POST requests with an Idempotency-Key (see plugins/idempotency.ts).
create table idempotency_keys (
  tenant_id text not null references tenants (id),
  -- Of the key itself nothing else is kept: it opens the answer.
  key_sha256 bytea not null,
  -- Names the request that works on it: one that has lost its claim to another changes nothing.
  claim_id uuid not null,
  -- In flight: when the claim lapses unless it is renewed. Afterwards: how long the answer is kept.
  expires_at timestamptz not null,
  -- SHA-256 of method, path, query and body, once there is an answer.
  fingerprint bytea,
  -- Sealed (see lib/idempotency/sealed-answer.ts).
  answer bytea,
  primary key (tenant_id, key_sha256),
  check ((fingerprint is null) = (answer is null))
);

create unique index idempotency_keys_in_flight on idempotency_keys (claim_id) where answer is null;
create index idempotency_keys_expiring on idempotency_keys (expires_at);
