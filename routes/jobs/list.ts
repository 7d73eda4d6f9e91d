import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { datasetFor, jobAudit } from '../../lib/audit.js';
import { jobDataset } from '../../lib/jobs/dataset.js';
import { presentJob } from '../../lib/jobs/job.js';
import { JobSchema } from '../../lib/jobs/schema.js';
import { listRows } from '../../lib/lists/list.js';
import { listAnswer, listQuery } from '../schemas.js';
import { sendList } from '../send-list.js';

/** `GET /v1/jobs`. */
const list: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/jobs',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['jobs'],
        summary: 'List jobs',
        querystring: listQuery(jobDataset),
        response: { 200: listAnswer(JobSchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, datasetFor(jobDataset, request.caller), request.tenantId, request.query),
      );
      return sendList(request, reply, listing, (row) => ({
        ...presentJob(row),
        ...jobAudit(request.caller, row),
      }));
    },
  );
};

export default list;
