import type { JobRow, JobType, Priority } from './job.js';
import type { QueuedCount } from './repository.js';

// BullMQ has 2^21 priorities, and 0 goes first: three classes, and a place within each.
const PLACES = 600_000;
const CLASSES: readonly Priority[] = ['high', 'normal', 'low'];
// So many jobs of one tenant share a place: within it, first come, first served.
const JOBS_A_PLACE = 8;

/** What a job's place depends on. */
export type Placed = Pick<JobRow, 'tenantId' | 'type' | 'priority'>;

/** The jobs of one type and class. */
interface Lane {
  /** The place whose jobs go next. */
  front: number;
  /** How many of each tenant's wait from there on. */
  readonly waiting: Map<string, number>;
}

function laneOf(type: JobType, priority: Priority): string {
  return `${type} ${priority}`;
}

/**
 * The places that jobs get in their queue, fair between tenants: each tenant's jobs stand eight to a place,
 * from the one that goes next on. Who has ten thousand waiting is overtaken by who has one, and who comes
 * back joins where all are, not before them. This is start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM
 * '96), with the place in front as its virtual time.
 *
 * All processes see the same front, as the queue tells it, and the same waiting jobs, as the database does:
 * {@link FairPlaces.look}. Between two looks a process counts what it adds. A tenant's next place is the same
 * after a look as before: what went meanwhile has moved the front on as far as fewer wait behind it.
 */
export class FairPlaces {
  readonly #lanes = new Map<string, Lane>();

  /** The priority in the queue of a tenant's next job; the job counts as waiting from now on. */
  take({ tenantId, type, priority }: Placed): number {
    const lane = this.#lane(type, priority);
    const before = lane.waiting.get(tenantId) ?? 0;
    lane.waiting.set(tenantId, before + 1);
    const place = lane.front + Math.floor(before / JOBS_A_PLACE);
    return CLASSES.indexOf(priority) * PLACES + Math.min(PLACES - 1, place);
  }

  /**
   * Takes over how queues and database stand. Where nothing waits, places begin at 0 again.
   *
   * @param next the priority of the job that goes next in each queue; undefined where none has to wait for
   * another, and without an entry where the queue did not say
   */
  look(counts: readonly QueuedCount[], next: ReadonlyMap<JobType, number | undefined>): void {
    const before = new Map(this.#lanes);
    this.#lanes.clear();
    for (const { tenantId, type, priority, due } of counts) {
      const lane = this.#lane(type, priority);
      lane.front = before.get(laneOf(type, priority))?.front ?? 0;
      lane.waiting.set(tenantId, due);
    }
    for (const [type, priority] of next) this.#moveFronts(type, priority);
  }

  /** Nothing waits in classes that are more urgent than the job that goes next; of the others it tells nothing. */
  #moveFronts(type: JobType, next = CLASSES.length * PLACES): void {
    for (const [index, priority] of CLASSES.entries()) {
      const place = next - index * PLACES;
      if (place >= 0) this.#lane(type, priority).front = place < PLACES ? place : 0;
    }
  }

  #lane(type: JobType, priority: Priority): Lane {
    const found = this.#lanes.get(laneOf(type, priority));
    if (found) return found;
    const made: Lane = { front: 0, waiting: new Map() };
    this.#lanes.set(laneOf(type, priority), made);
    return made;
  }
}
