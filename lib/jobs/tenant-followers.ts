import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import type { TenantViewer, Viewer } from '../keys/caller.js';
import { Ticker } from '../ticker.js';
import { type EventPosition, encodePosition } from './event-position.js';
import {
  currentSnapshot,
  type EventBatch,
  type EventSink,
  eventsBetween,
  eventText,
  LOOK_AGAIN_MS,
  LOOK_EVERY_MS,
  LOOK_SOON_MS,
  type TenantEvent,
} from './events.js';
import { type EventFilter, TenantFollower } from './tenant-follower.js';

const PAGE = 500;
/** So many are told of events before others have their turn of the event loop. */
const TOLD_A_TURN = 100;

/** Those who follow all jobs of a tenant. New events are read once for all of them. */
export class TenantFollowers {
  readonly #database: Database;
  readonly #ticker: Ticker;
  readonly #byTenant = new Map<string, Set<TenantFollower>>();
  #joining: TenantFollower[] = [];
  #poked = false;
  /** Up to where all have been told; in the middle of a batch only while it is read. */
  #position: EventPosition = { at: 0, from: '', to: '', id: 0 };

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database;
    this.#ticker = new Ticker({
      run: () => this.#read(),
      isNeeded: () => this.#byTenant.size > 0,
      everyMs: LOOK_EVERY_MS,
      onError,
    });
  }

  /**
   * Joins with the events that are committed from now on. They wait for it until it is live.
   *
   * @throws Problem DATABASE_UNAVAILABLE (503)
   */
  async join(
    viewer: TenantViewer,
    filter: EventFilter,
  ): Promise<{ follower: TenantFollower; position: EventPosition }> {
    const follower = new TenantFollower(viewer, filter, (left) => this.#remove(left));
    this.#joining.push(follower);
    await this.#ticker.now();
    if (!this.#byTenant.get(viewer.tenantId)?.has(follower))
      throw new Problem('SHUTTING_DOWN', 'The server opens no more streams; try another.', { retryAfter: 5 });
    return { follower, position: this.#position };
  }

  /** Tells a sink what its follower has missed between two positions, as fast as it takes it. */
  async catchUp(
    follower: TenantFollower,
    after: EventPosition,
    until: EventPosition,
    sink: EventSink,
  ): Promise<void> {
    const database = this.#database.of(follower.tenantId);
    const tenants = [follower.tenantId];
    // The rest of the batch in which it stopped, then all that came later.
    const batches = [
      { tenants, from: after.from, to: after.to, after: after.id },
      { tenants, from: after.to, to: until.to, after: 0 },
    ];
    for (const batch of batches) {
      for await (const events of pages(database, batch)) {
        const text = textOf(
          events.filter((event) => follower.wants(event)),
          { ...batch, at: until.at },
          follower.viewer,
        );
        if (text.length > 0) sink.write(text);
        await sink.drained();
        if (sink.closed) return;
      }
    }
  }

  /** Says that a job has changed, or is about to. */
  poke(): void {
    if (this.#byTenant.size === 0) return;
    this.#poked = true;
    this.#ticker.within(LOOK_SOON_MS);
  }

  /** Where one who is live stands, if that can be said just now: then nothing before it is ever missed. */
  positionOf(follower: TenantFollower): EventPosition | undefined {
    const { from, to } = this.#position;
    return follower.isLive && from === to ? this.#position : undefined;
  }

  close(): Promise<void> {
    return this.#ticker.close();
  }

  async #read(): Promise<void> {
    const joining = this.#joining;
    this.#joining = [];
    if (this.#poked) setTimeout(() => this.#ticker.within(0), LOOK_AGAIN_MS).unref();
    this.#poked = false;
    // A batch that was cut off by an error goes on where it stopped.
    if (this.#byTenant.size > 0) await this.#readBatch();
    const [at, to] = [Date.now(), await this.#database.query('jobEvents.snapshot', currentSnapshot)];
    const from = this.#byTenant.size > 0 ? this.#position.to : to;
    this.#position = { at, from, to, id: 0 };
    await this.#readBatch();
    for (const follower of joining) this.#add(follower);
  }

  /** Tells all of the batch in which the position lies, and moves on to its end. */
  async #readBatch(): Promise<void> {
    const { at, from, to, id } = this.#position;
    const batch = { tenants: [...this.#byTenant.keys()], from, to, after: id };
    for await (const events of pages(this.#database, batch)) {
      await this.#tell(events);
      this.#position = { at, from, to, id: events.at(-1)?.eventId ?? id };
    }
    this.#position = { at, from: to, to, id: 0 };
  }

  async #tell(events: readonly TenantEvent[]): Promise<void> {
    let told = 0;
    for (const tenantId of new Set(events.map((event) => event.tenantId))) {
      const texts = new Map<string, Buffer>();
      for (const follower of this.#byTenant.get(tenantId) ?? []) {
        const { kind } = follower;
        const wanted = (event: TenantEvent): boolean => event.tenantId === tenantId && follower.wants(event);
        const text = texts.get(kind) ?? textOf(events.filter(wanted), this.#position, follower.viewer);
        texts.set(kind, text);
        if (text.length > 0) follower.tell(text);
        told += 1;
        if (told % TOLD_A_TURN === 0) await nextTurn();
      }
    }
  }

  #add(follower: TenantFollower): void {
    const followers = this.#byTenant.get(follower.tenantId) ?? new Set();
    this.#byTenant.set(follower.tenantId, followers.add(follower));
  }

  #remove(follower: TenantFollower): void {
    const followers = this.#byTenant.get(follower.tenantId);
    followers?.delete(follower);
    if (followers?.size === 0) this.#byTenant.delete(follower.tenantId);
  }
}

async function* pages(database: Database, batch: EventBatch): AsyncGenerator<TenantEvent[]> {
  // Where both are the same, no transaction has ended between.
  for (let { after } = batch, more = batch.from !== batch.to && batch.tenants.length > 0; more; ) {
    const events = await database.query('jobEvents.between', (sql) =>
      eventsBetween(sql, { ...batch, after }, PAGE),
    );
    if (events.length > 0) yield events;
    after = events.at(-1)?.eventId ?? after;
    more = events.length === PAGE;
  }
}

function textOf(
  events: readonly TenantEvent[],
  { at, from, to }: Omit<EventPosition, 'id'>,
  viewer: Viewer,
): Buffer {
  const texts = events.map((event) =>
    eventText(encodePosition({ at, from, to, id: event.eventId }), event.kind, event, viewer),
  );
  return Buffer.from(texts.join(''));
}
