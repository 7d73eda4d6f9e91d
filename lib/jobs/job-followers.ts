import type { Database } from '../database/client.js';
import type { Viewer } from '../keys/caller.js';
import { Ticker } from '../ticker.js';
import {
  type EventSink,
  eventsOfJobs,
  eventText,
  type JobEvent,
  LOOK_AGAIN_MS,
  LOOK_EVERY_MS,
  LOOK_SOON_MS,
} from './events.js';
import { hasEnded } from './state.js';

interface Follower {
  /** What it has seen of the job. */
  version: number;
  readonly viewer: Viewer;
  readonly sink: EventSink;
}

/**
 * Those who follow one job each. The jobs that have changed are read together, in one query; all of them
 * once a second.
 */
export class JobFollowers {
  readonly #database: Database;
  readonly #ticker: Ticker;
  readonly #byJob = new Map<string, Set<Follower>>();
  #poked = new Set<string>();
  #again = new Set<string>();
  #allReadAt = 0;

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database;
    this.#ticker = new Ticker({
      run: () => this.#read(),
      isNeeded: () => this.#byJob.size > 0,
      everyMs: LOOK_EVERY_MS,
      onError,
    });
  }

  /**
   * Tells a sink what becomes of a job after a version of it, until the job ends or is removed.
   *
   * @returns a function that stops it
   */
  follow(id: string, version: number, viewer: Viewer, sink: EventSink): () => void {
    const follower = { version, viewer, sink };
    const followers = this.#byJob.get(id) ?? new Set();
    this.#byJob.set(id, followers.add(follower));
    // What happened since its version was read.
    this.#lookAgain([id]);
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#byJob.get(id) === followers) this.#byJob.delete(id);
    };
  }

  /** Says that a job has changed, or is about to. */
  poke(id: string): void {
    if (!this.#byJob.has(id)) return;
    this.#poked.add(id);
    this.#ticker.within(LOOK_SOON_MS);
  }

  close(): Promise<void> {
    return this.#ticker.close();
  }

  #lookAgain(ids: Iterable<string>): void {
    for (const id of ids) this.#again.add(id);
    this.#ticker.within(0);
  }

  async #read(): Promise<void> {
    const [poked, again, now] = [this.#poked, this.#again, performance.now()];
    this.#poked = new Set();
    this.#again = new Set();
    if (poked.size > 0) setTimeout(() => this.#lookAgain(poked), LOOK_AGAIN_MS).unref();
    const isAllDue = now - this.#allReadAt >= LOOK_EVERY_MS;
    const versions = this.#versionsOf(isAllDue ? this.#byJob.keys() : [...poked, ...again]);
    if (Object.keys(versions).length === 0) return;
    const events = await this.#database.query('jobEvents.ofJobs', (sql) => eventsOfJobs(sql, versions));
    if (isAllDue) this.#allReadAt = now;
    const byJob = new Map<string, JobEvent[]>();
    for (const event of events) {
      if (event.id === null) this.#end(event.followedId);
      else byJob.set(event.id, [...(byJob.get(event.id) ?? []), event]);
    }
    for (const [id, ofJob] of byJob) this.#tell(id, ofJob);
  }

  /** What is known least of each job by those who follow it. */
  #versionsOf(ids: Iterable<string>): Record<string, number> {
    const versions: Record<string, number> = {};
    for (const id of ids) {
      const followers = this.#byJob.get(id);
      if (followers) versions[id] = Math.min(...[...followers].map(({ version }) => version));
    }
    return versions;
  }

  #tell(id: string, events: readonly JobEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    // Of each kind of viewer there may be hundreds: what they are told is put together once.
    const told = new Map<string, { version: number; text: string }[]>();
    for (const follower of this.#byJob.get(id) ?? []) {
      const { viewer, version: seen } = follower;
      const texts =
        told.get(viewer.role) ??
        events.map((event) => ({
          version: event.version,
          text: eventText(event.version, event.kind, event, viewer),
        }));
      told.set(viewer.role, texts);
      const news = texts.filter(({ version }) => version > seen);
      if (news.length === 0) continue;
      follower.version = last.version;
      follower.sink.write(news.map(({ text }) => text).join(''));
      if (hasEnded(last.state)) follower.sink.end();
    }
  }

  /** The job was removed: there is nothing more to tell. */
  #end(id: string): void {
    for (const { sink } of this.#byJob.get(id) ?? []) sink.end();
  }
}
