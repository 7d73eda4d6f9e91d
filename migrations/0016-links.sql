-- What links are signed with: the newest signs, and the one before is still good (see lib/links/link-keys.ts).
create table link_keys (
  id integer generated always as identity primary key,
  secret bytea not null,
  created_at timestamptz(3) not null default now()
);
