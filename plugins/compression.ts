import { constants } from 'node:zlib';
import fastifyCompress from '@fastify/compress';
import fp from 'fastify-plugin';
import { BLOCK_BYTES } from '../lib/exports/blocks.js';

/** Answers smaller than this are sent as they are: the headers of a compressed one would eat what it saves. */
export const COMPRESSION_THRESHOLD_BYTES = 1024;

const COMPRESSIBLE = /^(application\/(json|problem\+json|x-ndjson)|text\/)/;

/** How hard each encoding tries: thoroughly for small answers, fast for streams as quick as the database. */
const paces = {
  thorough: {
    // The library's default quality, 11, is for files that are compressed once and served for years.
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } },
    zlibOptions: { level: 6 },
  },
  // Each block goes out as it comes: the reader sees its rows at once, however slowly they are found. What
  // becomes of a block fits one output, or each would go to a thread and back twice.
  fast: {
    brotliOptions: {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 1,
        // At this quality brotli compresses so much at once, 64 KiB, and what it has then stays in the CPU's
        // cache: a fifth less time than with the window of its default, for 4 % more bytes.
        [constants.BROTLI_PARAM_LGWIN]: 16,
      },
      flush: constants.BROTLI_OPERATION_FLUSH,
      chunkSize: BLOCK_BYTES,
    },
    zlibOptions: { level: 1, memLevel: 9, flush: constants.Z_SYNC_FLUSH, chunkSize: BLOCK_BYTES },
  },
};

/**
 * br and gzip for JSON and text of 1 KiB or more, by what the client accepts. Every answer that could
 * have been compressed says so in `Vary`, 304s included, or a cache would hand one client's encoding
 * to another.
 */
export default fp<{ global?: boolean; pace?: keyof typeof paces }>(
  async (app, { global = true, pace = 'thorough' }) => {
    // Not global: the scope gets `reply.compress` and nothing that runs with every answer.
    if (global)
      app.addHook('onSend', (_request, reply, payload, done) => {
        const type = reply.getHeader('content-type');
        if (reply.statusCode === 304 || (typeof type === 'string' && COMPRESSIBLE.test(type))) {
          reply.header('vary', 'accept-encoding');
        }
        done(null, payload);
      });
    await app.register(fastifyCompress, {
      global,
      threshold: COMPRESSION_THRESHOLD_BYTES,
      encodings: ['br', 'gzip'],
      customTypes: COMPRESSIBLE,
      ...paces[pace],
    });
  },
  { name: 'compression' },
);
