import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import { startService } from '../helpers/service.js';
import { temporaryFolder } from '../helpers/services.js';
import { insertNastyRows } from '../lib/exports/rows.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());
await insertNastyRows(sql);
const folder = await temporaryFolder(t);
const duckDb = await (await DuckDBInstance.create(':memory:')).connect();
t.teardown(() => duckDb.closeSync());

/** What both are asked, in words that PostgreSQL and DuckDB share. */
const figures = `count(*), sum(bytes), sum(width), sum(length(filename)), count(*) filter (where filename = '')`;
const [source] = await sql
  .unsafe(`select ${figures}, count(*) filter (where has_alpha) from images`)
  .values();

for (const [format, query, reader, options] of [
  ['csv', 'format=csv&formulaGuard=false', 'read_csv', ", nullstr = '', allow_quoted_nulls = false"],
  ['ndjson', 'format=ndjson', 'read_json', ''],
] as const) {
  t.test(`another program reads ${format} with the types and the sums of the source`, async (t) => {
    const response = await fetch(`${service.url}/v1/exports/stream?dataset=images&${query}`);
    t.equal(response.status, 200);
    const path = join(folder, `images.${format}`);
    await writeFile(path, Buffer.from(await response.arrayBuffer()));
    const from = `from ${reader}('${path}'${options})`;
    const described = await duckDb.runAndReadAll(`describe select * ${from}`);
    const types = new Map(described.getRowsJson().map(([name, type]) => [name, type]));
    t.match(Object.fromEntries(types), {
      filename: 'VARCHAR',
      bytes: 'BIGINT',
      width: 'BIGINT',
      hasAlpha: 'BOOLEAN',
      createdAt: /^TIMESTAMP/,
    });
    const read = await duckDb.runAndReadAll(`select ${figures}, count(*) filter (where "hasAlpha") ${from}`);
    t.same(read.getRowsJson()[0]?.map(String), source?.map(String));
  });
}
