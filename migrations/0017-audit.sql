-- Where an image or a job came from. Shown to admins alone (see lib/audit.ts).
alter table images
  add column client_address text,
  add column key_prefix text;

alter table jobs
  add column client_address text,
  add column key_prefix text;
