import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import { isUuid } from '../ids.js';
import type { TenantViewer, Viewer } from '../keys/caller.js';
import type { Logger } from '../logger.js';
import { decodePosition, decodeVersion, encodePosition, nextTransaction } from './event-position.js';
import { type EventSink, eventsOfJobs, eventText, type JobEvent } from './events.js';
import { JobFollowers } from './job-followers.js';
import { findJob } from './repository.js';
import { hasEnded } from './state.js';
import type { EventFilter } from './tenant-follower.js';
import { TenantFollowers } from './tenant-followers.js';

/** What a feed reads, and how long events are kept. */
export interface EventFeedOptions {
  readonly database: Database;
  readonly keptMs: number;
  readonly log: Logger;
}

/** Where the stream of one job begins. */
export interface JobStart {
  /** Events that its client has not seen. */
  readonly text: string;
  readonly version: number;
  /** The job has ended: the stream ends after them. */
  readonly ended: boolean;
}

/** The stream of a tenant's jobs, joined and about to begin. */
export interface TenantStart {
  /** The id to come back with, should the stream be cut before its first event. */
  readonly id: string;
  /** Tells a sink of what its client has missed, and then of what happens. */
  begin(sink: EventSink): void;
  /** What a heartbeat says beside that it is one: the id to come back with, where it can be said. */
  heartbeat(): string;
  stop(): void;
}

/** A process' one reader of what becomes of jobs. It reads nothing while nobody follows them. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #jobs: JobFollowers;
  readonly #tenants: TenantFollowers;

  constructor(options: EventFeedOptions) {
    const { database, log } = options;
    // Nothing is lost: the next look begins where this one did.
    const onError = (error: unknown): void => log.warn({ err: error }, 'events of jobs could not be read');
    this.#options = options;
    this.#jobs = new JobFollowers(database, onError);
    this.#tenants = new TenantFollowers(database, onError);
  }

  /** Says that a job has changed, or is about to: it is looked at soon, if anybody follows it. */
  poke(id: string): void {
    this.#jobs.poke(id);
    this.#tenants.poke();
  }

  /**
   * Finds where the stream of a job begins: with the job as it stands, or with what came after an event of
   * it. Where that is kept no longer, again with the job as it stands.
   *
   * @param lastId `Last-Event-ID`
   * @returns undefined when the job has ended and its client knows: nothing more will come
   * @throws Problem EVENT_ID_INVALID (400), JOB_NOT_FOUND (404)
   */
  async startOfJob(
    viewer: TenantViewer,
    id: string,
    lastId: string | undefined,
  ): Promise<JobStart | undefined> {
    const database = this.#options.database.of(viewer.tenantId);
    const after = lastId === undefined ? undefined : decodeVersion(lastId);
    const job = isUuid(id)
      ? await database.query('jobs.find', (sql) => findJob(sql, viewer.tenantId, id))
      : undefined;
    if (!job) throw new Problem('JOB_NOT_FOUND', 'There is no job of this id.');
    if (after === undefined) return startWith([{ ...job, kind: 'state' }], viewer);
    if (after === job.version)
      return hasEnded(job.state) ? undefined : { text: '', version: after, ended: false };
    const events = await database.query('jobEvents.ofJobs', (sql) => eventsOfJobs(sql, { [id]: after }));
    const missed = events.filter((event) => event.id !== null);
    return startWith(missed[0]?.version === after + 1 ? missed : [{ ...job, kind: 'state' }], viewer);
  }

  /**
   * Tells a sink what becomes of a job after a version of it, and ends it with the job.
   *
   * @returns a function that stops it
   */
  followJob(id: string, version: number, viewer: Viewer, sink: EventSink): () => void {
    return this.#jobs.follow(id, version, viewer, sink);
  }

  /**
   * Joins a tenant's events: those from now on, or after the one of `lastId`.
   *
   * @throws Problem EVENT_ID_INVALID (400), EVENTS_EXPIRED (410), DATABASE_UNAVAILABLE (503)
   */
  async followTenant(
    viewer: TenantViewer,
    filter: EventFilter,
    lastId: string | undefined,
  ): Promise<TenantStart> {
    const after = lastId === undefined ? undefined : decodePosition(lastId);
    if (after && Date.now() - after.at > this.#options.keptMs) throw expired();
    const { follower, position } = await this.#tenants.join(viewer, filter);
    // Of another database: this one was restored from a copy.
    if (after && nextTransaction(after.to) > nextTransaction(position.to)) {
      follower.stop();
      throw expired();
    }
    return {
      id: encodePosition(position),
      begin: (sink) => {
        follower.attach(sink);
        const caughtUp = after ? this.#tenants.catchUp(follower, after, position, sink) : Promise.resolve();
        caughtUp.then(
          () => follower.goLive(),
          (error) => {
            this.#options.log.warn({ err: error }, 'a stream of events could not be resumed');
            sink.end();
          },
        );
      },
      heartbeat: () => {
        const at = this.#tenants.positionOf(follower);
        return at ? `id: ${encodePosition(at)}\n` : '';
      },
      stop: () => follower.stop(),
    };
  }

  /** Reads nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.#jobs.close(), this.#tenants.close()]);
  }
}

function startWith(events: readonly JobEvent[], viewer: Viewer): JobStart {
  const last = events.at(-1);
  return {
    text: events.map((event) => eventText(event.version, event.kind, event, viewer)).join(''),
    version: last?.version ?? 0,
    ended: last !== undefined && hasEnded(last.state),
  };
}

function expired(): Problem {
  return new Problem(
    'EVENTS_EXPIRED',
    'What came after this event is no longer kept. Read the list of jobs, and open the stream without Last-Event-ID.',
  );
}
