import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { MAX_LINK_SECONDS } from '../../lib/links/link.js';
import { exportContentPath, imageContentPath, renditionContentPath } from '../../lib/paths.js';
import { Time } from '../../lib/schemas.js';
import { requireExport } from '../exports/find.js';
import { requireImage } from '../images/find.js';
import { requireRendition } from '../renditions/find.js';

const DEFAULT_SECONDS = 3600;

const Wish = Type.Object(
  {
    expiresIn: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_LINK_SECONDS,
        description: `How long it is good, in seconds; ${DEFAULT_SECONDS} unless told`,
      }),
    ),
    download: Type.Optional(
      Type.Boolean({ description: 'Whether a browser stores the file instead of showing it' }),
    ),
  },
  { additionalProperties: false },
);

/** No body is an empty wish. */
const Body = Type.Unsafe<Static<typeof Wish> | null>({ ...Wish, type: ['object', 'null'] });

const response = {
  201: Type.Object({
    url: Type.String({ description: 'Where the file is loaded without a key' }),
    expiresAt: Time('Until when'),
  }),
};

/** Links to the files of images, renditions and exports that a browser can load without a key. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  const config = { rateLimitClass: 'general' } as const;
  const about = (summary: string, tag: string) => ({
    tags: [tag],
    summary,
    description:
      'A link lets its bearer read that file alone, and lives no longer than the key it was made with.',
    body: Body,
    response,
  });

  app.post(
    '/images/:id/links',
    {
      config,
      schema: {
        ...about('Make a link to an original', 'images'),
        params: Type.Object({ id: Type.String() }),
      },
    },
    async (request, reply) => {
      const { id } = await requireImage(request, request.params.id);
      return answer(request, reply, imageContentPath(id), request.body);
    },
  );

  app.post(
    '/images/:id/renditions/:rid/links',
    {
      config,
      schema: {
        ...about('Make a link to a rendition', 'renditions'),
        params: Type.Object({ id: Type.String(), rid: Type.String() }),
      },
    },
    async (request, reply) => {
      const { id, imageId } = await requireRendition(request, request.params);
      return answer(request, reply, renditionContentPath(imageId, id), request.body);
    },
  );

  app.post(
    '/exports/:id/links',
    {
      config,
      schema: { ...about('Make a link to an export', 'exports'), params: Type.Object({ id: Type.String() }) },
    },
    async (request, reply) => {
      const { id } = await requireExport(request, request.params.id);
      return answer(request, reply, exportContentPath(id), request.body);
    },
  );
};

export default create;

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  wish: Static<typeof Wish> | null,
): Promise<FastifyReply> {
  const { caller, tenantId } = request;
  // To the second, as the link says it.
  const wanted = Math.ceil(Date.now() / 1000) + (wish?.expiresIn ?? DEFAULT_SECONDS);
  const end = Math.min(wanted, Math.floor((caller.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) / 1000));
  const expiresAt = new Date(end * 1000);
  const link = { path, tenantId, expiresAt, download: wish?.download ?? false };
  const url = await request.server.links.make(request, link);
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .send({ url, expiresAt: expiresAt.toISOString() });
}
