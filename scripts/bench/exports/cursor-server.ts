import { Readable } from 'node:stream';
import fastify from 'fastify';
import { connectPostgres } from '../../../lib/database/connect.js';

const PAGE_ROWS = 1000;

// The comparison: an export as it is usually written. A cursor, and every row an object that is turned to
// text and sent by itself; in a process of its own, which tells its parent where it listens.
const sql = connectPostgres(process.argv[2] ?? '', { max: 1 });
const app = fastify();
app.get('/', (_request, reply) => reply.type('application/x-ndjson').send(Readable.from(lines())));
const address = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.(address);

async function* lines(): AsyncGenerator<string> {
  const rows = sql`select * from images where tenant_id = 'default' order by created_at desc, id desc`;
  for await (const page of rows.cursor(PAGE_ROWS)) for (const row of page) yield `${JSON.stringify(row)}\n`;
}
