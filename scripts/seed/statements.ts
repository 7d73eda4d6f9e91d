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

/** Of so many kinds an image is one: what it shows, and of which format and size it is. */
const KINDS = 512;

/**
 * The kinds of images, as a query: texts, sizes and JSON cost more to draw than to look up. The keys of
 * JSON stand in PostgreSQL's own order (the shorter first), which takes it half of the time to parse.
 */
function kindsOf(sql: TransactionSql, seed: number) {
  return sql`
    select
      kind, content_type, width, height, place, product, side,
      case content_type when 'image/jpeg' then 'jpg' else substr(content_type, 7) end as extension,
      width * height / case content_type when 'image/png' then 60 else 400 end as bytes,
      (case when content_type = 'image/jpeg' and c % 5 = 0 then (array[3, 6, 8])[1 + c % 3] else 1 end)::smallint as orientation,
      content_type in ('image/png', 'image/webp') and c % 3 = 0 as has_alpha,
      case when content_type = 'image/gif' then 1 + c % 40 else 1 end as pages,
      case when c < 40 then '{}'::jsonb else concat(
        '{', case when content_type = 'image/jpeg' then concat('"iso": ', 100 * (1 << (c % 6)), ', ') end,
        '"tags": ["', side, case c % 3 when 0 then '' when 1 then '", "' || product else concat('", "', product, '", "campaign ', kind % 37) end,
        '"], "place": {"name": "', place, '", "country": "', country, '"}',
        case when content_type = 'image/jpeg' then concat(', "camera": "', camera, '"') end, '}')::jsonb end as metadata
    from generate_series(0, ${KINDS - 1}::integer) as kind,
      lateral (select sha256(convert_to(concat(${String(seed)}::text, ' kind ', kind), 'UTF8')) offset 0) as hashed (h),
      lateral (select
        get_byte(h, 0),
        (array['Canon EOS R5', 'Nikon Z 6II', 'SONY ILCE-7M4', 'Apple iPhone 15 Pro', 'FUJIFILM X-T5', 'Google Pixel 8', 'DJI Mini 4 Pro'])[1 + get_byte(h, 1) % 7],
        (array['Berlin', 'São Paulo', 'Tōkyō', 'Reykjavík', 'Cape Town', 'القاهرة', 'New York', 'Zürich', 'Łódź', 'Montréal'])[1 + get_byte(h, 2) % 10],
        (array['DE', 'BR', 'JP', 'IS', 'ZA', 'EG', 'US', 'CH', 'PL', 'CA'])[1 + get_byte(h, 2) % 10],
        (array['Chair', 'Lamp', 'Sneaker', 'Backpack', 'Teapot', 'Notebook'])[1 + get_byte(h, 3) % 6],
        (array['front', 'back', 'left', 'right', 'detail'])[1 + get_byte(h, 4) % 5],
        (array[6000, 4032, 3024, 1920, 2048, 1200])[1 + get_byte(h, 5) % 6],
        (array[4000, 3024, 4032, 1080, 2048, 800])[1 + get_byte(h, 5) % 6],
        case when get_byte(h, 6) < 180 then 'image/jpeg' when get_byte(h, 6) < 215 then 'image/png'
          when get_byte(h, 6) < 240 then 'image/webp' when get_byte(h, 6) < 248 then 'image/gif'
          when get_byte(h, 6) < 253 then 'image/avif' else 'image/tiff' end
        offset 0
      ) as drawn (c, camera, place, country, product, side, width, height, content_type)`;
}

/**
 * The images of a chunk, as a query. Every choice comes from bytes of a SHA-256 of the seed and the
 * image's number, so the same seed gives the same rows; the times are spread over the two years before
 * November 2026, in the order of the numbers. `offset 0` keeps PostgreSQL from computing a subquery's
 * value again wherever it is used. The hashes begin in the order of the numbers too: their indexes are
 * then filled at one end, which takes a fifth of the time.
 */
function imagesOf(sql: TransactionSql, { seed, images, first, last }: Chunk) {
  return sql`
    with kinds as materialized (${kindsOf(sql, seed)})
    select
      encode(time || substr(stamped, 1, 10), 'hex')::uuid as id,
      encode(time || substr(stamped, 11, 10), 'hex')::uuid as job_id,
      timestamptz '1970-01-01 00:00:00Z' + ms * interval '1 millisecond' as created_at,
      encode(substr(int8send(4294967295 * (i - 1) / ${images}::bigint), 5) || substr(h, 5), 'hex') as sha256,
      case get_byte(h, 20) % 4
        when 0 then concat('IMG_', 1000 + i % 9000)
        when 1 then concat('DSC', 10000 + i % 90000)
        when 2 then concat(lower(replace(place, ' ', '-')), '-', i)
        else concat(product, ' ', get_byte(h, 21), ' (', side, ')')
      end || '.' || extension as filename,
      content_type, width, height, bytes * (20 + get_byte(h, 21)) as bytes, orientation, has_alpha, pages, metadata,
      get_byte(h, 22) as d
    from (
      select
        i, h, ms, substr(int8send(ms), 3) as time,
        set_byte(set_byte(set_byte(set_byte(h,
          0, get_byte(h, 0) & 15 | 112), 2, get_byte(h, 2) & 63 | 128),
          10, get_byte(h, 10) & 15 | 112), 12, get_byte(h, 12) & 63 | 128) as stamped
      from (
        select i, h, 1730419200000 + 63072000000 * (i - 1) / ${images}::bigint as ms
        from generate_series(${first}::bigint, ${last}::bigint) as i,
          lateral (select sha256(convert_to(${String(seed)}::text || ':' || i, 'UTF8')) offset 0) as hashed (h)
        offset 0
      ) as numbered
      offset 0
    ) as identified
    join kinds on kind = (get_byte(h, 23) << 8 | get_byte(h, 24)) % ${KINDS}::integer
    order by i`;
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

/**
 * Inserts renditions of every eighth image, one or two each, under the ids that a job gives them. More of them
 * would take the time that a million images are to take.
 */
export async function insertRenditions(sql: TransactionSql, presets: readonly PresetRow[]): Promise<void> {
  await sql`
    create temp table rendered on commit drop as
    with presets as materialized (
      select *, options::text as options_text from jsonb_to_recordset(${JSON.stringify(presets)}::text::jsonb)
        as preset (place integer, name text, width integer, square boolean, options jsonb, canonical text, hash text)
    )
    select
      job_id, d, place, image.id as image_id, image.created_at as asked_at, image.created_at + interval '2 seconds' as created_at,
      name, options, options_text, hash,
      encode(substr(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 1, 16), 'hex')::uuid as id,
      encode(sha256(h), 'hex') as sha256, box.width, box.height,
      greatest(100, box.width * box.height * (10 + d % 20) / 200) as bytes
    from seeded as image
    join presets as preset on d < 32 and place <= 1 + d % 2,
    lateral (select sha256(convert_to(image.sha256 || chr(10) || preset.canonical, 'UTF8')) offset 0) as hashed (h),
    lateral (select least(preset.width, image.width),
      case when square then least(preset.width, image.height)
        else image.height * least(preset.width, image.width) / image.width end) as box (width, height)`;
  await sql`
    insert into renditions
      (tenant_id, id, image_id, name, options, options_hash, content_type, extension, width, height, bytes, sha256, created_at)
    select 'default', id, image_id, name, options, hash, 'image/webp', 'webp', width, height, bytes, sha256, created_at
    from rendered`;
}

/**
 * Inserts a completed job for each image with renditions, and a failed one for some of the others. The
 * JSON is written as text, with its keys as the kinds have theirs: to build it from values takes longer.
 */
export async function insertJobs(sql: TransactionSql): Promise<void> {
  await sql`
    insert into jobs
      (id, tenant_id, type, state, progress, priority, attempts_made, attempts_max, image_id, request, result,
       created_at, enqueued_at, started_at, finished_at, updated_at, version)
    select job_id, 'default', 'resize', 'completed', 100, (array['normal', 'normal', 'low', 'high'])[1 + d % 4], 1, 3, image_id,
      concat('{"renditions": [', string_agg(concat('{"id": "', id, '", "name": "', name, '", "options": ', options_text, '}'), ', ' order by place), ']}')::jsonb,
      concat('{"imageId": "', image_id, '", "renditions": [', string_agg(concat(
        '{"id": "', id, '", "url": "/v1/images/', image_id, '/renditions/', id, '/content", "name": "', name,
        '", "bytes": ', bytes, ', "width": ', width, ', "height": ', height, ', "contentType": "image/webp"}'), ', ' order by place), ']}')::jsonb,
      asked_at, asked_at, asked_at + interval '40 milliseconds' * d,
      created_at + interval '40 milliseconds' * d, created_at + interval '40 milliseconds' * d, 3
    from rendered
    group by job_id, image_id, d, asked_at, created_at`;
  await sql`
    insert into jobs
      (id, tenant_id, type, state, priority, attempts_made, attempts_max, image_id, request, error,
       created_at, enqueued_at, started_at, finished_at, updated_at, version)
    select job_id, 'default', 'resize', 'failed', 'normal', 1, 3, id, '{"renditions": []}',
      '{"type": "/problems/IMAGE_CORRUPT", "title": "The image cannot be decoded", "status": 422, "detail": "The image is damaged or not whole.", "code": "IMAGE_CORRUPT"}',
      created_at, created_at, created_at + interval '1 second', created_at + interval '3 seconds', created_at + interval '3 seconds', 3
    from seeded where d >= 249`;
}
