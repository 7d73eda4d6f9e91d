import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import type { BlobStore } from '../lib/storage/blob-store.js';
import { openFileStore } from '../lib/storage/file-store.js';
import { storePath } from '../lib/storage/keys.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly store: BlobStore;
  }
}

/** Where the bytes are. */
export default fp<{ config: Config }>(
  async (app, { config }) => {
    app.decorate('store', await openFileStore(storePath(config.dataDir)));
  },
  { name: 'storage' },
);
