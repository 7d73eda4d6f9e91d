import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { contentDisposition } from '../../lib/http/content-disposition.js';
import { isUuid } from '../../lib/ids.js';
import { importReport } from '../../lib/imports/report.js';
import { findJob } from '../../lib/jobs/repository.js';

const text = { type: 'string', contentEncoding: 'binary' };

/** `GET /v1/imports/{id}/report`: the rows that came to nothing, and why. */
const report: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/imports/:id/report',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['imports'],
        summary: 'The rows of an import that came to nothing',
        description:
          'A CSV with the columns `line`, `code` and `detail`, by line: rows that became no job, and those whose job failed. While the import runs it holds what is known so far.',
        params: Type.Object({ id: Type.String() }),
        response: {
          200: { description: 'The report', content: { '*/*': { schema: text } } },
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const job = isUuid(id)
        ? await request.timings.measure('db', () =>
            request.database.query('jobs.find', (sql) => findJob(sql, request.tenantId, id)),
          )
        : undefined;
      if (job?.type !== 'import') throw new Problem('IMPORT_NOT_FOUND', 'There is no import of this id.');
      return reply
        .headers({
          'content-type': 'text/csv; charset=utf-8; header=present',
          'content-disposition': contentDisposition('attachment', `import-${id}.csv`),
          'cache-control': 'no-store',
        })
        .send(Readable.from(importReport(request.database, id), { objectMode: false }));
    },
  );
};

export default report;
