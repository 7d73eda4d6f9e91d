import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { availableCpus } from '../../lib/cpus.js';
import { Problem } from '../../lib/errors.js';
import { exportContentTypes, exportFilename } from '../../lib/exports/format.js';
import { partsOf } from '../../lib/exports/parts.js';
import { openExport } from '../../lib/exports/stream.js';
import { readStreamQuery, streamQuerySchema } from '../../lib/exports/stream-query.js';
import { clientGone } from '../../lib/http/client-gone.js';
import { contentDisposition } from '../../lib/http/content-disposition.js';

const RETRY_AFTER_SECONDS = 5;
/**
 * How many are copied by two backends each, as far as there is a CPU for every one of those: of what is compressed.
 * Its network carries a fraction, so that one backend is what bounds it; of the rest, a second would mostly read ahead.
 */
const STREAMS_IN_PARTS = Math.floor(availableCpus() / 2);
const COMPRESSED = /\b(br|gzip)\b/;

const bytes = { schema: { type: 'string', contentEncoding: 'binary' } };

/** `GET /v1/exports/stream`: an export as it comes out of PostgreSQL. */
const stream: FastifyPluginAsyncTypebox<{ databaseUrl: string }> = async (app, { databaseUrl }) => {
  const { maxExportStreams } = app.config;
  let streams = 0;
  app.get(
    '/exports/stream',
    {
      config: { rateLimitClass: 'expensive' },
      exposeHeadRoute: false,
      // The schema is for the document: which filters there are depends on the dataset.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['exports'],
        summary: 'Stream an export',
        description:
          'All rows of a dataset as CSV, NDJSON or JSON, from one snapshot of the database. `fields`, filters and `sort` are those of the lists; `renditions` can be filtered by `imageId` too. A failure part-way cuts the connection: a body that ends is whole.',
        querystring: streamQuerySchema,
        response: { 200: { description: 'The rows', content: { '*/*': bytes } } },
      },
    },
    async (request, reply) => {
      const { dataset, request: wanted, format } = readStreamQuery(request.query, request.caller);
      if (streams >= maxExportStreams) throw tooMany(maxExportStreams);
      streams++;
      const deps = {
        databaseUrl,
        database: app.database,
        log: app.log,
        isOurs: app.config.databaseUrl === undefined,
        seenBy: app.config.rowSecurity === 'on' ? request.tenantId : undefined,
      };
      const gone = clientGone(reply.raw);
      const inParts =
        streams <= STREAMS_IN_PARTS && COMPRESSED.test(String(request.headers['accept-encoding']));
      const started = request.timings.measure('db', async () => {
        const parts = inParts ? await partsOf(app.database, request.tenantId, wanted) : undefined;
        return openExport(deps, request.tenantId, wanted, format, gone, parts);
      });
      const over = (): void => void streams--;
      started.then(({ released }) => released.then(over), over);
      const { bytes } = await started;
      bytes.once('error', (error) => {
        if (!gone.aborted)
          app.log.warn({ request: request.id, dataset, err: error }, 'an export failed part-way');
      });
      return reply
        .headers({
          'content-type': exportContentTypes[format.format],
          'content-disposition': contentDisposition(
            'attachment',
            exportFilename(dataset, format.format, new Date()),
          ),
          'cache-control': 'no-store',
        })
        .send(bytes);
    },
  );
};

export default stream;

function tooMany(most: number): Problem {
  return new Problem('OVERLOADED', `The server streams ${most} exports already; try again.`, {
    retryAfter: RETRY_AFTER_SECONDS,
  });
}
