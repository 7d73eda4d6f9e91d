import type { Sql } from 'postgres';

/** Texts that break what is careless with quotes, lines, encodings or formulas. */
export const nastyTexts = [
  '',
  'plain',
  'a "quoted" name, with commas; and\ttabs | bars',
  "it's",
  'two\nlines\r\nand more\r',
  '\\ back \\n slash \\',
  'NULL',
  '\\N',
  '\\.',
  '=1+1',
  '+cmd|calc',
  '-2+3',
  '@SUM(A1)',
  '\ttab first',
  '\rreturn first',
  ' =space first',
  "'=guarded already",
  '😀 emoji 👩‍👩‍👧',
  'שלום עולם right to left',
  '\u0001\u0002 control',
  'e\u0301 combined',
  '\u{10ffff}',
  '--comment /* ; drop table images; */ $1 %L',
];

/** An image of each text, oldest first, with nasty numbers, times and metadata; and some without renditions. */
export async function insertNastyRows(sql: Sql): Promise<void> {
  const images = nastyTexts.map((filename, index) => ({
    index,
    filename,
    bytes: index % 2 ? '9007199254740993' : String(1000 + index),
    metadata: { text: filename, [filename || 'empty']: [1.5, null, true, { deep: 'א,"\n' }], big: 1e21 },
    created_at:
      ['1900-01-01T00:00:00.001Z', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:01Z'][index] ??
      new Date(1_700_000_000_000 + index * 1001).toISOString(),
  }));
  await sql`
    insert into blobs (sha256, bytes, reference_count)
    select encode(sha256(('nasty' || (i->>'index'))::bytea), 'hex'), 1, 1 from jsonb_array_elements(${sql.json(images)}) i`;
  await sql`
    insert into images (id, tenant_id, sha256, filename, content_type, bytes, width, height, orientation, has_alpha, pages, metadata, created_at)
    select gen_random_uuid(), 'default', encode(sha256(('nasty' || (i->>'index'))::bytea), 'hex'), i->>'filename',
      case when (i->>'index')::int % 2 = 0 then 'image/png' else 'image/jpeg' end, (i->>'bytes')::bigint,
      100 + (i->>'index')::int, 50, 1, (i->>'index')::int % 3 = 0, 1, i->'metadata', (i->>'created_at')::timestamptz
    from jsonb_array_elements(${sql.json(images)}) i`;
  await sql`
    insert into renditions (tenant_id, id, image_id, name, options, options_hash, content_type, extension, width, height, bytes, sha256, created_at)
    select 'default', gen_random_uuid(), images.id, nullif(images.filename, 'plain'), jsonb_build_object('width', n, 'note', images.filename), 'hash', 'image/webp', 'webp',
      n, n, images.bytes, images.sha256, images.created_at + n * interval '1 millisecond'
    from images, generate_series(1, 2) n where images.width % 4 <> 0`;
  await sql`
    insert into jobs (id, tenant_id, type, state, progress, priority, attempts_made, attempts_max, image_id, request, result, error, created_at, started_at, finished_at)
    select gen_random_uuid(), 'default', 'resize', state, 50, (array['low', 'normal', 'high'])[1 + images.width % 3], 1, 3,
      case when images.width % 5 <> 0 then images.id end, '{}',
      case state when 'completed' then jsonb_build_object('imageId', images.id, 'renditions', (
        select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name, 'contentType', r.content_type, 'width', r.width,
          'height', r.height, 'bytes', r.bytes, 'url', '/' || r.id)), '[]') from renditions r where r.image_id = images.id)) end,
      case state when 'failed' then jsonb_build_object('type', '/problems/IMAGE_CORRUPT', 'title', 'title', 'status', 422,
        'detail', 'bad: ' || images.filename, 'code', 'IMAGE_CORRUPT')
        || case when images.width % 2 = 0 then '{}'::jsonb else jsonb_build_object('errors', jsonb_build_array(
          jsonb_build_object('path', 'a', 'message', images.filename), jsonb_build_object('path', 'b', 'message', 'x'))) end end,
      images.created_at, case when state <> 'queued' then images.created_at + interval '1.234 seconds' end,
      case when state in ('completed', 'failed') then images.created_at + interval '40 days 0.007 seconds' end
    from images, lateral (select (array['queued', 'active', 'completed', 'failed'])[1 + images.width % 4] as state) s`;
}

/**
 * Failed jobs, a second apart, oldest first: there may be hundreds of thousands. Compressed they are half as long.
 *
 * @param bytes how long the detail of each is, about; a row has some 200 more
 */
export async function insertJobs(sql: Sql, count: number, bytes = 320): Promise<void> {
  await sql`
    insert into jobs (id, tenant_id, type, state, priority, attempts_max, request, error, created_at)
    select gen_random_uuid(), 'default', 'resize', 'failed', 'normal', 1 + i % 10, '{}',
      jsonb_build_object('detail', detail), timestamptz '2020-01-01' + i * interval '1 second'
    from generate_series(1, ${count}::int) i,
      lateral (select string_agg(md5(i + n / 100.0 || ''), '') from generate_series(1, ${Math.round(bytes / 32)}::int) n) t (detail)`;
}
