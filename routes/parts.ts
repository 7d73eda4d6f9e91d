import type { FastifyRequest } from 'fastify';
import type { Config } from '../lib/config.js';
import type { Database } from '../lib/database/client.js';
import type { Dispatcher } from '../lib/jobs/dispatcher.js';
import type { BlobStore } from '../lib/storage/blob-store.js';

/** What lib makes and changes things with. */
export interface Parts {
  readonly config: Config;
  /** As the request's tenant sees it. */
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly store: BlobStore;
}

/** The parts of the service as they are for one request. */
export function partsOf({ server, database }: FastifyRequest): Parts {
  const { config, dispatcher, store } = server;
  return { config, database, dispatcher, store };
}
