import { setTimeout as delay } from 'node:timers/promises';
import { type BackendFactory, type IQueueBackend, QueueKeys, type StreamReadRaw } from 'bullmq';
import type { Redis } from 'ioredis';
import { within } from '../deadline.js';
import { ID_LENGTH } from './queue.js';

/** An event as BullMQ has it: its id, and the names and values of its fields in turn. */
type Entry = [id: string, fields: string[]];

/** What came after an event. */
interface News {
  /** How many events there were. */
  readonly read: number;
  /** Those that say more than that a job is new; and the last one, which says how far was read. */
  readonly entries: Entry[];
}

/** Reads the news of a queue. */
export type ReadNews = (queue: string, after: string) => Promise<News>;

/** From so many events in one reading on, it is worth to leave some out for a while. */
const FLOOD = 50;
const SPARE_MS = 250;
/** For that while they are read so seldom, in ms. */
const READ_EVERY_MS = 10;
const MOST_READ = 5_000;
const ANSWER_TIMEOUT_MS = 2_000;
const NEVER = Number.NEGATIVE_INFINITY;

// An event of a new job tells whoever follows a tenant's jobs to look, and one look finds them all. Those of a job
// that is begun anew are kept, as somebody may know it otherwise: its key is longer than an id (see queue.ts).
const NEWS = `
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local news = {}
for place, entry in ipairs(entries) do
  local event, job = entry[2][2], entry[2][4]
  local isNew = event == 'added' or (event == 'waiting' and #job == ${ID_LENGTH})
  if place == #entries or not isNew then news[#news + 1] = entry end
end
return {#entries, news}`;

/**
 * Makes ten thousand new jobs in a row no work for a reader of events: while they come, Redis itself leaves out the
 * events that only say that a job is new.
 */
export function sparing<B extends IQueueBackend, C>(
  createBackend: BackendFactory<B, C>,
  readNews: ReadNews,
): BackendFactory<B, C> {
  return (queue, ...options) => {
    const backend = createBackend(queue, ...options);
    const readAll = backend.readEvents.bind(backend);
    let spareUntil = NEVER;
    const onFlood = (): void => {
      spareUntil = performance.now() + SPARE_MS;
    };
    const readSparingly = async (id: string): Promise<StreamReadRaw> => {
      await delay(READ_EVERY_MS);
      const { read, entries } = await within(readNews(queue, id), ANSWER_TIMEOUT_MS);
      if (read - entries.length >= FLOOD) onFlood();
      return [[queue, entries]];
    };
    backend.readEvents = async (id, blockMs) => {
      if (performance.now() < spareUntil) {
        try {
          return await readSparingly(id);
        } catch {
          // What is wrong BullMQ's own reading finds out, and gets over it.
          spareUntil = NEVER;
        }
      }
      const events = await readAll(id, blockMs);
      if ((events?.[0]?.[1].length ?? 0) >= FLOOD) onFlood();
      return events;
    };
    return backend;
  };
}

/** Reads them by a script. */
export function newsOfRedis(reader: Redis, prefix: string): ReadNews {
  const keys = new QueueKeys(prefix);
  return async (queue, after) => {
    const news = await reader.eval(NEWS, 1, keys.toKey(queue, 'events'), after, MOST_READ);
    if (!isNews(news)) throw new Error('a script for two values returned something else');
    const [read, entries] = news;
    return { read, entries };
  };
}

function isNews(value: unknown): value is [number, Entry[]] {
  return Array.isArray(value) && typeof value[0] === 'number' && Array.isArray(value[1]);
}
