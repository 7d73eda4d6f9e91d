import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { type Wanted, wantsRenditions } from '../../lib/images/create-image.js';
import { findPresets } from '../../lib/presets/repository.js';
import { checksumAlgorithms } from '../../lib/uploads/checksum.js';
import { UploadFiles } from '../../lib/uploads/files.js';
import { UploadLocks } from '../../lib/uploads/locks.js';
import { RunningHashes } from '../../lib/uploads/running-hashes.js';
import { lingering } from '../raw-body.js';
import { answerTus } from './answer-tus.js';
import { capabilitiesSchema, createSchema, patchSchema, stateSchema, terminateSchema } from './schemas.js';
import type { UploadDeps } from './tus-exchange.js';
import { readUploadMetadata } from './upload-metadata.js';

const PART_TYPE = 'application/offset+octet-stream';

/** Uploads in parts by tus 1.0: https://tus.io/protocols/resumable-upload */
const transfer: FastifyPluginAsyncTypebox = async (app) => {
  const { database, store, dispatcher, config } = app;
  const locks = new UploadLocks(database, app.log);
  app.addHook('onClose', () => locks.close());
  const deps: UploadDeps = {
    database,
    store,
    dispatcher,
    config,
    locks,
    files: new UploadFiles(config),
    hashes: new RunningHashes(),
  };
  // Only a part has a body, and tus looks at the type of no other request.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ 'tus-resumable': '1.0.0', 'cache-control': 'no-store' });
    done();
  });
  const one = { params: Type.Object({ id: Type.String() }) };

  app.post(
    '/uploads',
    {
      bodyLimit: config.maxUploadBytes,
      config: {
        rateLimitClass: 'expensive',
        accepts: PART_TYPE,
        askingFields: ['upload-length', 'upload-metadata'],
      },
      schema: createSchema,
    },
    async (request, reply) => {
      const { wanted } = readUploadMetadata(String(request.headers['upload-metadata'] ?? ''));
      const onCreate = (size: number) => assertWelcome(request, size, wanted);
      return lingering(request, answerTus(deps, request, reply, { onCreate }));
    },
  );
  app.options('/uploads', { schema: capabilitiesSchema }, async (request, reply) => {
    reply.header('tus-checksum-algorithm', checksumAlgorithms.join(','));
    return answerTus(deps, request, reply, {});
  });
  app.head<{ Params: { id: string } }>(
    '/uploads/:id',
    { config: { rateLimitClass: 'general' }, schema: { ...stateSchema, ...one } },
    async (request, reply) => answerTus(deps, request, reply, request.params),
  );
  app.patch<{ Params: { id: string } }>(
    '/uploads/:id',
    {
      bodyLimit: config.maxUploadBytes,
      config: { rateLimitClass: 'general', accepts: PART_TYPE },
      schema: { ...patchSchema, ...one },
    },
    async (request, reply) =>
      lingering(
        request,
        patch(request, () => answerTus(deps, request, reply, request.params)),
      ),
  );
  app.delete<{ Params: { id: string } }>(
    '/uploads/:id',
    { config: { rateLimitClass: 'general' }, schema: { ...terminateSchema, ...one } },
    async (request, reply) => answerTus(deps, request, reply, request.params),
  );

  /** What would be refused at the end is refused before bytes are sent. */
  async function assertWelcome(request: FastifyRequest, size: number, wanted: Wanted): Promise<void> {
    const { presets, presetsPath } = wanted;
    if (size === 0) throw new Problem('BODY_EMPTY', 'Upload-Length is 0; the file must be an image.');
    if (presets.length > 0)
      await request.database.query('presets.find', (sql) =>
        findPresets(sql, request.tenantId, presets, presetsPath),
      );
    if (wantsRenditions(wanted)) await dispatcher.assertRoom();
  }
};

export default transfer;

/** @throws Problem MEDIA_TYPE_UNSUPPORTED (415): a part that calls itself something else is none */
async function patch<T>({ headers }: FastifyRequest, take: () => Promise<T>): Promise<T> {
  if (headers['content-type'] !== PART_TYPE)
    throw new Problem('MEDIA_TYPE_UNSUPPORTED', `A part is ${PART_TYPE}.`);
  return take();
}
