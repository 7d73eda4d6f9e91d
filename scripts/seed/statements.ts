import type { TransactionSql } from 'postgres';
import type { CanonicalOptions } from '../../lib/renditions/canonical.js';

/** Images by their number, from `first` to `last`, of `images` in all. */
export interface Chunk {
  readonly seed: number;
  readonly images: number;
  readonly first: number;
  readonly last: number;
}

/** What a preset makes of any still image: width and height as a job would choose them. */
export interface PresetRow {
  /** From 1: an image with two renditions has the first two. */
  readonly place: number;
  readonly name: string;
  readonly width: number;
  readonly square: boolean;
  readonly options: CanonicalOptions;
  /** The same as `canonicalJson` writes it: ids are made of it. */
  readonly canonical: string;
  readonly hash: string;
}

/**
 * The images of a chunk, as a query. Every choice comes from bytes of a SHA-256 of the seed and the
 * image's number, so the same seed gives the same rows; the times are spread over the two years before
 * November 2026, in the order of the numbers. `offset 0` keeps PostgreSQL from computing a subquery's
 * value again wherever it is used. The hashes begin in the order of the numbers too: their indexes are
 * then filled at one end, which takes a fifth of the time. JSON is written as text and parsed once, which
 * takes a third of the time of building it from values; the texts in it need no escapes.
 */
function imagesOf(sql: TransactionSql, { seed, images, first, last }: Chunk) {
  return sql`
    select
      ('0' || ms_hex || '7' || substr(hex, 1, 3) || 'a' || substr(hex, 4, 15))::uuid as id,
      ('0' || ms_hex || '7' || substr(hex, 21, 3) || 'b' || substr(hex, 24, 15))::uuid as job_id,
      timestamptz '1970-01-01 00:00:00Z' + ms * interval '1 millisecond' as created_at,
      lpad(to_hex(4294967295 * (i - 1)::bigint / ${images}::bigint), 8, '0') || substr(hex, 9) as sha256,
      case a % 4
        when 0 then 'IMG_' || lpad((i % 10000)::text, 4, '0')
        when 1 then 'DSC' || lpad((i % 100000)::text, 5, '0')
        when 2 then lower(replace(place, ' ', '-')) || '-' || i
        else product || ' ' || b || ' (' || side || ')'
      end || '.' || extension as filename,
      content_type, width, height,
      greatest(1, (width::bigint * height * (20 + b) / case content_type when 'image/png' then 60 else 400 end)) as bytes,
      (case when content_type = 'image/jpeg' and c % 5 = 0 then (array[3, 6, 8])[1 + c % 3] else 1 end)::smallint as orientation,
      content_type in ('image/png', 'image/webp') and c % 3 = 0 as has_alpha,
      case when content_type = 'image/gif' then 1 + c % 40 else 1 end as pages,
      case when c < 40 then '{}'::jsonb else (
        '{' || case when content_type = 'image/jpeg'
          then '"camera": "' || camera || '", "iso": ' || 100 * (1 << (b % 6)) || ', ' else '' end
        || '"place": {"name": "' || place || '", "country": "' || country || '"}, "tags": ["' || side
        || case c % 3 when 0 then '"]}' when 1 then '", "' || product || '"]}'
          else '", "' || product || '", "campaign ' || i % 37 || '"]}' end)::jsonb end as metadata,
      d
    from (
      select
        i, hex, ms, to_hex(ms) as ms_hex, get_byte(h, 20) as a, get_byte(h, 21) as b, get_byte(h, 22) as c, get_byte(h, 23) as d,
        get_byte(h, 24) as t, size[1] as width, size[2] as height, camera, place, country, product, side,
        content_type, extension
      from (
        select i, h, encode(h, 'hex') as hex,
          1730419200000 + 63072000000 * (i - 1) / ${images}::bigint as ms
        from generate_series(${first}::integer, ${last}::integer) as i,
          lateral (select sha256(convert_to(${String(seed)}::text || ':' || i, 'UTF8')) offset 0) as hashed (h)
        offset 0
      ) as numbered,
      lateral (select
        (array['Canon EOS R5', 'Nikon Z 6II', 'SONY ILCE-7M4', 'Apple iPhone 15 Pro', 'FUJIFILM X-T5', 'Google Pixel 8', 'DJI Mini 4 Pro'])[1 + get_byte(h, 25) % 7],
        (array['Berlin', 'São Paulo', 'Tōkyō', 'Reykjavík', 'Cape Town', 'القاهرة', 'New York', 'Zürich', 'Łódź', 'Montréal'])[1 + get_byte(h, 26) % 10],
        (array['DE', 'BR', 'JP', 'IS', 'ZA', 'EG', 'US', 'CH', 'PL', 'CA'])[1 + get_byte(h, 26) % 10],
        (array['Chair', 'Lamp', 'Sneaker', 'Backpack', 'Teapot', 'Notebook'])[1 + get_byte(h, 27) % 6],
        (array['front', 'back', 'left', 'right', 'detail'])[1 + get_byte(h, 28) % 5],
        (case get_byte(h, 29) % 6 when 0 then array[6000, 4000] when 1 then array[4032, 3024] when 2 then array[3024, 4032]
          when 3 then array[1920, 1080] when 4 then array[2048, 2048] else array[1200, 800] end)
        offset 0
      ) as chosen (camera, place, country, product, side, size),
      lateral (select case when get_byte(h, 24) < 180 then 'image/jpeg' when get_byte(h, 24) < 215 then 'image/png'
        when get_byte(h, 24) < 240 then 'image/webp' when get_byte(h, 24) < 248 then 'image/gif'
        when get_byte(h, 24) < 253 then 'image/avif' else 'image/tiff' end offset 0) as typed (content_type),
      lateral (select case content_type when 'image/jpeg' then 'jpg' else substr(content_type, 7) end) as named (extension)
    ) as drawn`;
}

/** Whether the rows of a chunk are in the database: they come and go together. */
export async function isThere(sql: TransactionSql, chunk: Chunk): Promise<boolean> {
  const [row] = await sql<{ there: boolean }[]>`
    select exists (
      select from images join (${imagesOf(sql, { ...chunk, last: chunk.first })}) as first using (id)
    ) as there`;
  return row?.there ?? false;
}

/** Makes the images of a chunk in a temporary table. */
export async function prepareImages(sql: TransactionSql, chunk: Chunk): Promise<void> {
  await sql`create temp table seeded on commit drop as ${imagesOf(sql, chunk)}`;
  // Nobody but us looks at a temporary table, and without statistics the joins are planned badly.
  await sql`analyze seeded (id)`;
}

/** Inserts the prepared images, and a row for the bytes of each. */
export async function insertImages(sql: TransactionSql): Promise<void> {
  await sql`
    insert into blobs (sha256, bytes, reference_count, created_at) select sha256, bytes, 1, created_at from seeded`;
  await sql`
    insert into images
      (id, tenant_id, sha256, filename, content_type, bytes, width, height, orientation, has_alpha, pages, metadata, created_at, updated_at)
    select id, 'default', sha256, filename, content_type, bytes, width, height, orientation, has_alpha, pages, metadata, created_at, created_at
    from seeded`;
}

/** Inserts renditions of every fourth image: one, two or three each, under the ids that a job gives them. */
export async function insertRenditions(sql: TransactionSql, presets: readonly PresetRow[]): Promise<void> {
  await sql`
    create temp table rendered on commit drop as
    select image.id as image_id, preset.name, preset.options, preset.canonical, preset.hash, image.created_at + interval '2 seconds' as created_at,
      (encode(substr(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 1, 16), 'hex'))::uuid as id,
      encode(sha256(h), 'hex') as sha256, box.width, box.height,
      greatest(100, box.width * box.height * (10 + d % 20) / 200) as bytes
    from seeded as image
    join jsonb_to_recordset(${JSON.stringify(presets)}::text::jsonb)
      as preset (place integer, name text, width integer, square boolean, options jsonb, canonical text, hash text)
      on d < 64 and place <= 1 + d % 3,
    lateral (select sha256(convert_to(image.sha256 || chr(10) || preset.canonical, 'UTF8')) offset 0) as hashed (h),
    lateral (select least(preset.width, image.width),
      case when square then least(preset.width, image.height)
        else image.height * least(preset.width, image.width) / image.width end) as box (width, height)`;
  await sql`analyze rendered (image_id)`;
  await sql`
    insert into renditions
      (tenant_id, id, image_id, name, options, options_hash, content_type, extension, width, height, bytes, sha256, created_at)
    select 'default', id, image_id, name, options, hash, 'image/webp', 'webp', width, height, bytes, sha256, created_at
    from rendered order by id`;
}

/** Inserts a completed job for each image with renditions, and a failed one for some of the others. */
export async function insertJobs(sql: TransactionSql): Promise<void> {
  await sql`
    insert into jobs
      (id, tenant_id, type, state, progress, priority, attempts_made, attempts_max, image_id, request, result,
       created_at, enqueued_at, started_at, finished_at, updated_at, version)
    select job_id, 'default', 'resize', 'completed', 100, (array['normal', 'normal', 'low', 'high'])[1 + d % 4], 1, 3, seeded.id,
      concat('{"renditions": [', string_agg(concat('{"id": "', rendered.id, '", "name": "', name, '", "options": ', canonical, '}'), ', ' order by rendered.id), ']}')::jsonb,
      concat('{"imageId": "', seeded.id, '", "renditions": [', string_agg(concat(
        '{"id": "', rendered.id, '", "name": "', name, '", "contentType": "image/webp", "width": ', rendered.width,
        ', "height": ', rendered.height, ', "bytes": ', rendered.bytes,
        ', "url": "/v1/images/', seeded.id, '/renditions/', rendered.id, '/content"}'), ', ' order by rendered.id), ']}')::jsonb,
      seeded.created_at, seeded.created_at, seeded.created_at + interval '40 milliseconds' * d,
      rendered.created_at + interval '40 milliseconds' * d, rendered.created_at + interval '40 milliseconds' * d, 3
    from seeded join rendered on image_id = seeded.id
    group by job_id, seeded.id, d, seeded.created_at, rendered.created_at`;
  await sql`
    insert into jobs
      (id, tenant_id, type, state, priority, attempts_made, attempts_max, image_id, request, error,
       created_at, enqueued_at, started_at, finished_at, updated_at, version)
    select job_id, 'default', 'resize', 'failed', 'normal', 1, 3, id, '{"renditions": []}',
      '{"type": "/problems/IMAGE_CORRUPT", "title": "The image cannot be decoded", "status": 422, "detail": "The image is damaged or not whole.", "code": "IMAGE_CORRUPT"}',
      created_at, created_at, created_at + interval '1 second', created_at + interval '3 seconds', created_at + interval '3 seconds', 3
    from seeded where d >= 243`;
}
