import { jobAudit, seesAudit } from '../audit.js';
import type { Viewer } from '../keys/caller.js';
import { type JobRow, jobEtag, presentJob } from './job.js';
import { hasEnded } from './state.js';

/** A job ready to be sent: its row, its entity tag and its JSON, so that a poll costs no more than a look-up. */
export class CachedJob {
  readonly row: JobRow;
  readonly etag: string;
  /** For admins, and for everybody else; each made when the first of them asks. */
  #whole: string | undefined;
  #public: string | undefined;

  constructor(row: JobRow) {
    this.row = row;
    this.etag = jobEtag(row);
  }

  /** The JSON that somebody sees. */
  bodyFor(viewer: Viewer): string {
    if (!seesAudit(viewer)) {
      this.#public ??= JSON.stringify(presentJob(this.row));
      return this.#public;
    }
    this.#whole ??= JSON.stringify({ ...presentJob(this.row), ...jobAudit(viewer, this.row) });
    return this.#whole;
  }
}

/** How long entries live without an event, and how many there may be. */
export interface JobCacheOptions {
  /** Reads a job from the record; undefined when the tenant has none of that id. */
  readonly load: (tenantId: string, id: string) => Promise<JobRow | undefined>;
  readonly maxEntries?: number;
  /** Bounds how stale an unfinished job can look when an event was lost, in ms. */
  readonly unfinishedMs?: number;
  /** The same for jobs that have ended, which change only by being retried or removed. */
  readonly endedMs?: number;
  /** How often a waiter looks without an event, in ms. */
  readonly lookAgainMs?: number;
  readonly now?: () => number;
}

/** What a waiter waits for, and how long. */
export interface WaitOptions {
  /** Also ends the wait, before the job's own end; without it only the end counts. */
  readonly changed?: (job: CachedJob) => boolean;
  readonly ms: number;
  /** The client went away, or the server is closing. */
  readonly signal: AbortSignal;
}

interface Entry {
  readonly job: CachedJob;
  readonly freshUntil: number;
}

/** Somebody who is to look at a job again when it has changed, or only when it may have ended. */
interface Waiter {
  readonly onlyEnd: boolean;
  readonly wake: () => void;
}

/** A read of the record that is under way, which others of its tenant share. */
interface Loading {
  readonly tenantId: string;
  readonly job: Promise<CachedJob | undefined>;
}

/**
 * The short cache in front of job state. Events of the queue invalidate it in every process; entries
 * expire soon all the same, because events can be lost. It also wakes those who wait for a change.
 */
export class JobCache {
  readonly #load: JobCacheOptions['load'];
  readonly #maxEntries: number;
  readonly #unfinishedMs: number;
  readonly #endedMs: number;
  readonly #lookAgainMs: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Loading>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  hits = 0;
  misses = 0;

  constructor(options: JobCacheOptions) {
    this.#load = options.load;
    this.#maxEntries = options.maxEntries ?? 10_000;
    this.#unfinishedMs = options.unfinishedMs ?? 250;
    this.#endedMs = options.endedMs ?? 30_000;
    this.#lookAgainMs = options.lookAgainMs ?? 1_000;
    this.#now = options.now ?? Date.now;
  }

  /** The job if it is at hand and fresh: the way of a poll, without a promise. */
  peek(tenantId: string, id: string): CachedJob | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.freshUntil <= this.#now() || entry.job.row.tenantId !== tenantId)
      return undefined;
    this.hits += 1;
    return entry.job;
  }

  /** The job, from the cache or the record; undefined when the tenant has none of that id. */
  async get(tenantId: string, id: string): Promise<CachedJob | undefined> {
    return this.peek(tenantId, id) ?? this.#read(tenantId, id);
  }

  /** Forgets a job that has changed or, perhaps, `ended`, and wakes those who wait for that. */
  invalidate(id: string, ended: boolean): void {
    this.#entries.delete(id);
    // A read under way may have seen the job before the change: its result must not be kept.
    this.#loading.delete(id);
    for (const { onlyEnd, wake } of this.#waiters.get(id) ?? []) if (ended || !onlyEnd) wake();
  }

  /**
   * Waits until the job has ended or is as wanted, the time is up or the signal aborts, whatever comes first.
   *
   * @returns the job as it is then; undefined when there is none of that id
   */
  async waitFor(
    tenantId: string,
    id: string,
    { changed, ms, signal }: WaitOptions,
  ): Promise<CachedJob | undefined> {
    const deadline = this.#now() + ms;
    for (;;) {
      const change = this.#nextChange(id, changed === undefined, signal);
      try {
        const job = await this.get(tenantId, id);
        const left = deadline - this.#now();
        if (job === undefined || hasEnded(job.row.state) || changed?.(job) || left <= 0 || signal.aborted)
          return job;
        // The record can change a moment after the event that announced it, or without one.
        await change.happens(Math.min(left, this.#lookAgainMs));
      } finally {
        change.stop();
      }
    }
  }

  #read(tenantId: string, id: string): Promise<CachedJob | undefined> {
    const underWay = this.#loading.get(id);
    if (underWay?.tenantId === tenantId) return underWay.job;
    this.misses += 1;
    const job = this.#load(tenantId, id)
      .then((row) => {
        const loaded = row && new CachedJob(row);
        if (loaded && this.#loading.get(id) === loading) this.#keep(id, loaded);
        return loaded;
      })
      .finally(() => {
        if (this.#loading.get(id) === loading) this.#loading.delete(id);
      });
    const loading = { tenantId, job };
    this.#loading.set(id, loading);
    return job;
  }

  #keep(id: string, job: CachedJob): void {
    const lifetime = hasEnded(job.row.state) ? this.#endedMs : this.#unfinishedMs;
    this.#entries.delete(id);
    this.#entries.set(id, { job, freshUntil: this.#now() + lifetime });
    // A Map keeps the order of insertion: the first is the one that was read longest ago.
    for (const [oldest, { freshUntil }] of this.#entries) {
      if (freshUntil > this.#now() && this.#entries.size <= this.#maxEntries) return;
      this.#entries.delete(oldest);
    }
  }

  /** Listens for the next change from now on, so that none between a read and the wait is missed. */
  #nextChange(
    id: string,
    onlyEnd: boolean,
    signal: AbortSignal,
  ): { happens: (ms: number) => Promise<void>; stop: () => void } {
    let resolve: () => void = () => {};
    let timer: NodeJS.Timeout | undefined;
    const changed = new Promise<void>((done) => {
      resolve = done;
    });
    const waiter = { onlyEnd, wake: resolve };
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters.add(waiter));
    signal.addEventListener('abort', resolve, { once: true });
    return {
      happens: (ms) => {
        timer = setTimeout(resolve, ms);
        return changed;
      },
      stop: () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resolve);
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiters.delete(id);
      },
    };
  }
}
