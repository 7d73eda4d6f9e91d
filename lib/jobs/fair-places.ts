import type { PriorityRange } from '../queue/queue.js';
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
 * The place in front of a lane. It is that of the job that goes first, but for one that comes back from a wait
 * with a place of long ago: as many as a tenant has reach no further back from the last place than they fill.
 *
 * @param zero the priority of the lane's place 0
 */
function frontOf(lane: Lane, zero: number, { first, last }: PriorityRange): number {
  const [from, to] = [first - zero, last - zero];
  if (from >= PLACES || to < 0) return 0;
  // A more urgent job goes first, and says nothing of this lane; nor does a less urgent one that goes last.
  if (from < 0 && to >= PLACES) return lane.front;
  const most = [...lane.waiting.values()].reduce((one, other) => Math.max(one, other), 0);
  return Math.max(0, from, to < PLACES ? to - Math.ceil(most / JOBS_A_PLACE) : 0);
}

/**
 * The places that jobs get in their queue, fair between tenants: each tenant's jobs stand eight to a place,
 * from the one that goes next on. Who has ten thousand waiting is overtaken by who has one, and who comes
 * back joins where all are, not before them. This is start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM
 * '96), with the place in front as its virtual time.
 *
 * All processes see the same places, as the queue tells them, and the same waiting jobs, as the database does:
 * {@link FairPlaces.look}. Between two looks a process counts what it adds. A tenant's next place is the same
 * after a look as before: what went meanwhile has moved the front on as far as fewer wait behind it.
 *
 * After some five million jobs of one tenant, in all of which time one waited, the places are used up: until
 * none waits all share the last one, first come, first served.
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
   * @param ranges between which priorities jobs wait in each queue; undefined where none has to wait for
   * another, and without an entry where the queue did not say
   */
  look(counts: readonly QueuedCount[], ranges: ReadonlyMap<JobType, PriorityRange | undefined>): void {
    const before = new Map(this.#lanes);
    this.#lanes.clear();
    for (const { tenantId, type, priority, due } of counts) {
      const lane = this.#lane(type, priority);
      lane.front = before.get(laneOf(type, priority))?.front ?? 0;
      lane.waiting.set(tenantId, due);
    }
    for (const [type, range] of ranges) {
      for (const priority of CLASSES) {
        const lane = this.#lane(type, priority);
        lane.front = range ? frontOf(lane, CLASSES.indexOf(priority) * PLACES, range) : 0;
      }
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
