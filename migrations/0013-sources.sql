-- Images that were fetched from other hosts: where each came from, so that the next fetch can ask whether it
-- has changed. A tenant's URL is in the hands of one job at a time, whichever process that runs in.
create table image_sources (
  tenant_id text not null references tenants (id),
  -- SHA-256 of the URL, base64url: a URL may be longer than a key of an index.
  url_digest text not null,
  url text not null,
  -- Null until it has been fetched once.
  image_id uuid references images (id) on delete cascade,
  fetched_at timestamptz(3),
  -- The URL that answered, after redirects, and what it said of this version: sent to that URL only.
  answered_by text,
  etag text,
  last_modified text,
  -- Who fetches it now. A lease that is not renewed lapses in a few seconds: its process has died.
  leased_by uuid,
  leased_until timestamptz(3),
  primary key (tenant_id, url_digest)
);

create index image_sources_by_image on image_sources (image_id);
create index image_sources_without_image on image_sources (leased_until) where image_id is null;

-- Attempts of a job that were made before it was put off: the queue counts each of its runs from the start.
alter table jobs add column attempts_before smallint not null default 0;
