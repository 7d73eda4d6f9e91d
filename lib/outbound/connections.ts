import { type buildConnector, Client, type Dispatcher, Pool } from 'undici';

/** A way to an origin, for one request. */
export interface Connection {
  readonly dispatcher: Dispatcher;
  /** Whether the host is told that nothing will follow. */
  readonly isLast: boolean;
  /** Call it when the request has failed, or its answer has been read or given up. */
  release(): void;
}

/** Makes the connections that requests go by; each new one is checked by the connector. */
export interface Connections {
  take(origin: string): Connection;
  /** Ends every connection, in use or not. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024;
/** Origins whose connections are kept. */
const MAX_ORIGINS = 64;
/** Connections to one of them; further requests wait. */
const MAX_PER_ORIGIN = 8;
/** How long one that is idle is kept, unless its host says for how long, in ms. */
const IDLE_MS = 4_000;
/** And at most, whatever the host says. */
const MAX_IDLE_MS = 15_000;

/** A connection of its own for each request. */
export function newConnections(connect: buildConnector.connector): Connections {
  const clients = new Set<Client>();
  return {
    take: (origin) => {
      const client = new Client(origin, { connect, maxHeaderSize: MAX_HEADER_BYTES });
      clients.add(client);
      const release = (): void => {
        clients.delete(client);
        void client.destroy();
      };
      return { dispatcher: client, isLast: true, release };
    },
    close: async () => {
      await Promise.all([...clients].map((client) => client.destroy()));
    },
  };
}

/** Connections that are kept for the next request to the same origin, for a while. */
export function keptConnections(connect: buildConnector.connector): Connections {
  /** In the order of their last use. */
  const kept = new Map<string, Pool>();
  /** Those too that are no longer kept, and end with their last request. */
  const open = new Set<Pool>();

  function forget(origin: string, pool: Pool): void {
    if (kept.get(origin) === pool) kept.delete(origin);
    void pool.close().finally(() => open.delete(pool));
  }

  function openPool(origin: string): Pool {
    const pool = new Pool(origin, {
      connect,
      connections: MAX_PER_ORIGIN,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: MAX_IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    open.add(pool);
    const forgetIfIdle = (): void => {
      const { connected, size } = pool.stats;
      if (connected === 0 && size === 0 && !pool.closed && !pool.destroyed) forget(origin, pool);
    };
    return pool.on('disconnect', forgetIfIdle).on('connectionError', forgetIfIdle);
  }

  return {
    take: (origin) => {
      const pool = kept.get(origin) ?? openPool(origin);
      kept.delete(origin);
      kept.set(origin, pool);
      const [oldest] = kept;
      if (kept.size > MAX_ORIGINS && oldest) forget(...oldest);
      return { dispatcher: pool, isLast: false, release: () => {} };
    },
    close: async () => {
      await Promise.all([...open].map((pool) => pool.destroy()));
    },
  };
}
