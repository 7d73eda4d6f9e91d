import { setTimeout as delay } from 'node:timers/promises';
import type { BackendFactory, IQueueBackend, PgPool, PgPoolClient, StreamReadRaw } from 'bullmq';
import { ID_LENGTH } from './queue.js';

/** What BullMQ tells of its events by. */
const LISTEN = 'LISTEN bullmq_events';
const FROM_NOW_ON = '$';
/** From so many events in one reading on, others follow at once: they are read together. */
const FLOOD = 50;
const READ_EVERY_MS = 10;
const MOST_READ = 5_000;

const LAST = 'select coalesce(max(id), 0)::text as id from event where queue = $1';
/**
 * How far back is looked again, in ids: an event has its id before it is committed, and those of other transactions
 * that have later ones may be read meanwhile.
 */
const LOOK_BACK = 64;

// An event of a new job tells whoever follows a tenant's jobs to look, and one look finds them all. Those of a job
// that is begun anew are kept, as somebody may know it otherwise: its key is longer than an id (see queue.ts).
const NEWS = `
with page as (
  select id, event, data from event
  where queue = $1 and id > $2 and id <> all($3::bigint[]) order by id limit $4
), news as (select count(*)::integer as read, max(id) as last from page where id > $5)
select id::text, event, data, read from page, news
where id = last
  or not (event = 'added' or event = 'waiting' and length(data ->> 'jobId') = ${ID_LENGTH})
order by id`;

/**
 * Has events read as they come: BullMQ's own reader asks after each of them whether there is another one, and every
 * second, misses what comes between two questions, and reads all the events of ten thousand new jobs in a row.
 */
export function attentive<B extends IQueueBackend, C>(
  createBackend: BackendFactory<B, C>,
  pool: PgPool,
): BackendFactory<B, C> {
  return (queue, ...options) => {
    const backend = createBackend(queue, ...options);
    const disconnect = backend.disconnect.bind(backend);
    const reader = new EventReader(pool, queue);
    backend.readEvents = (after, blockMs) => reader.read(after, blockMs);
    backend.disconnect = async () => {
      reader.close();
      await disconnect();
    };
    return backend;
  };
}

interface EventRow {
  readonly id: string;
  readonly event: string;
  readonly data: object | null;
  /** How many there were that are later than those before, whether they are told of or not. */
  readonly read: number;
}

/** Reads the events of one queue, one reading after the other. */
export class EventReader {
  readonly #pool: PgPool;
  readonly #queue: string;
  #client: Promise<PgPoolClient> | undefined;
  /** Whether there may be events that were not read. */
  #hasNews = true;
  #wake: () => void = () => undefined;
  #isClosed = false;
  #isFlooded = false;
  /** Where it began. */
  #from: Promise<string> | undefined;
  /** The last id that was read. */
  #last: bigint | undefined;
  /** Nothing from there back is looked for. */
  #first = 0n;
  /** What was told of that is looked at again. */
  #told: bigint[] = [];

  constructor(pool: PgPool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  /**
   * What came after an event, as soon as there is something, but for what only says that a job is new.
   *
   * @param after an event's id, or `$` for what comes from the first reading on
   * @returns BullMQ's form of it; null when nothing came in time
   */
  async read(after: string, blockMs: number): Promise<StreamReadRaw> {
    if (this.#isClosed) return null;
    this.#client ??= this.#listen();
    await this.#client;
    const from = after === FROM_NOW_ON ? await this.#begin() : after;
    if (this.#isFlooded) await delay(READ_EVERY_MS);
    if (!this.#hasNews) await this.#news(blockMs);
    if (this.#isClosed) return null;
    const rows = await this.#readAfter(BigInt(from));
    return rows.length === 0 ? null : [[this.#queue, rows.map(entryOf)]];
  }

  /** @param from where BullMQ is, which knows of none that came late */
  async #readAfter(from: bigint): Promise<readonly EventRow[]> {
    if (this.#last === undefined) this.#first = from;
    const last = largest(from, this.#last ?? from);
    this.#hasNews = false;
    const { rows } = await this.#pool
      .query<EventRow>(NEWS, [
        this.#queue,
        largest(this.#first, last - BigInt(LOOK_BACK)),
        this.#told,
        MOST_READ,
        last,
      ])
      .catch((error) => {
        this.#hasNews = true;
        throw error;
      });
    const [{ read } = { read: 0 }] = rows;
    this.#isFlooded = read >= FLOOD;
    if (read >= MOST_READ - LOOK_BACK) this.#hasNews = true;
    const told = rows.map(({ id }) => BigInt(id));
    this.#last = told.reduce(largest, last);
    const back = this.#last - BigInt(LOOK_BACK);
    this.#told = [...this.#told, ...told].filter((id) => id > back);
    return rows;
  }

  /** Ends a reading that waits. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
    this.#leave();
  }

  /** Events before it are not asked for, and none after it is missed: somebody listens already. */
  #begin(): Promise<string> {
    this.#from ??= this.#pool.query<{ id: string }>(LAST, [this.#queue]).then(
      ({ rows: [row] }) => row?.id ?? '0',
      (error) => {
        this.#from = undefined;
        throw error;
      },
    );
    return this.#from;
  }

  async #listen(): Promise<PgPoolClient> {
    try {
      const client = await this.#pool.connect();
      client.on('notification', ({ payload }) => {
        if (payload === this.#queue) this.#tell();
      });
      // What happens until it listens again it finds when it reads.
      client.on('error', () => {
        this.#leave();
        this.#tell();
      });
      await client.query(LISTEN);
      return client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  #leave(): void {
    this.#client?.then(
      (client) => client.release(),
      () => undefined,
    );
    this.#client = undefined;
  }

  #tell(): void {
    this.#hasNews = true;
    this.#wake();
  }

  /** Resolves when there may be some, and after `ms` all the same. */
  #news(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** An event as BullMQ's reader takes it: its id, and the names and values of its fields in turn. */
function entryOf({ id, event, data }: EventRow): [id: string, fields: string[]] {
  const fields = Object.entries(data ?? {}).flatMap(([name, value]) => [name, String(value)]);
  return [id, ['event', event, ...fields]];
}
