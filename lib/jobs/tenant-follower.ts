import type { TenantViewer } from '../keys/caller.js';
import type { EventSink, TenantEvent } from './events.js';
import type { JobType } from './job.js';
import type { JobState } from './state.js';

/** Which events of its tenant somebody wants; all where nothing is said. */
export interface EventFilter {
  readonly type?: JobType | undefined;
  readonly state?: JobState | undefined;
}

/** What waits for one who is still catching up; more than that, and it comes back to catch up again. */
const MOST_HELD_BYTES = 1024 * 1024;

/** Somebody who follows the jobs of a tenant. Until it has a sink, what it is told waits for it. */
export class TenantFollower {
  readonly viewer: TenantViewer;
  readonly filter: EventFilter;
  readonly #leave: (follower: TenantFollower) => void;
  #sink: EventSink | undefined;
  #held: Buffer[] | undefined = [];
  #heldBytes = 0;

  constructor(viewer: TenantViewer, filter: EventFilter, leave: (follower: TenantFollower) => void) {
    this.viewer = viewer;
    this.filter = filter;
    this.#leave = leave;
  }

  /** Whether nothing waits for it: it has seen all that it was told. */
  get isLive(): boolean {
    return this.#held === undefined;
  }

  get tenantId(): string {
    return this.viewer.tenantId;
  }

  /** What it is told is the same for all of a tenant that are alike in this. */
  get kind(): string {
    return JSON.stringify([this.filter, this.viewer.role]);
  }

  wants({ type, state }: Pick<TenantEvent, 'type' | 'state'>): boolean {
    const { filter } = this;
    return (filter.type ?? type) === type && (filter.state ?? state) === state;
  }

  /** Tells it of events. One that cannot keep up while it catches up is ended; its client comes again. */
  tell(text: Buffer): void {
    if (this.#held === undefined) {
      this.#sink?.write(text);
      return;
    }
    this.#held.push(text);
    this.#heldBytes += text.length;
    if (this.#heldBytes <= MOST_HELD_BYTES) return;
    this.#sink?.end();
    this.stop();
  }

  /** Whom it tells from now on, when it has caught up. */
  attach(sink: EventSink): void {
    this.#sink = sink;
  }

  /** Passes on what has waited, and from then on what comes. */
  goLive(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (held.length > 0) this.#sink?.write(Buffer.concat(held));
  }

  /** It is told nothing more. */
  stop(): void {
    this.#held = [];
    this.#sink = undefined;
    this.#leave(this);
  }
}
