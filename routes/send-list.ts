import type { FastifyReply, FastifyRequest } from 'fastify';
import { pickFields } from '../lib/lists/fields.js';
import { linkHeader } from '../lib/lists/link-header.js';
import type { Listing } from '../lib/lists/list.js';

/** Answers a page of a list: the rows as the API shows them, cut to the asked fields, and where to go on. */
export function sendList<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  { rows, fields, pagination }: Listing<Row>,
  present: (row: Row) => unknown,
): FastifyReply {
  const data = rows.map((row) => (fields ? pickFields(present(row), fields) : present(row)));
  return reply
    .headers({
      'cache-control': 'private, max-age=0, must-revalidate',
      link: linkHeader(request.url, pagination),
    })
    .send({ data, pagination });
}
