import type { Database } from '../database/client.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow } from '../jobs/job.js';
import { type Resolve, resolveMany } from '../renditions/plan.js';
import type { RenditionRow } from '../renditions/rendition.js';
import { findRenditions } from '../renditions/repository.js';
import { endMembers, imagesOf, insertMembers, type NewMember } from './member-rows.js';
import { planMember } from './plan-members.js';
import { type BatchRow, recordExpanded } from './repository.js';

/** What members are made with. */
export interface ExpandDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly config: { readonly maxOutputPixels: number };
}

/** Members that are recorded and handed over at a time: no transaction is longer than one of these. */
const CHUNK = 1_000;
/** The first of them are fewer: meanwhile the queue has nothing to take. */
const FIRST_CHUNK = 250;

/** Members of a batch, by their places: `to` is the first that is not among them. */
interface Part {
  readonly from: number;
  readonly to: number;
}

/** A part whose members have rows, and are not in the queue yet. */
interface RecordedPart {
  readonly members: readonly NewMember[];
  readonly to: number;
}

/**
 * Makes the members of a batch, from where the making of them was left: records a part of them while the
 * queue takes the two before. It can be cut off anywhere, and done twice.
 *
 * @returns false when the batch takes no more: it has ended, is to be cancelled, or was stopped
 */
export async function expandBatch(
  deps: ExpandDeps,
  job: Pick<JobRow, 'tenantId' | 'priority' | 'attemptsMax'>,
  batch: BatchRow,
  signal: AbortSignal,
): Promise<boolean> {
  // Of the part before, and of the one before that.
  let [handedOver, handedOverBefore] = [Promise.resolve(), Promise.resolve()];
  const resolve = resolveMany();
  const parts = partsOf(batch);
  let planning = quietly(planPart(deps, batch, parts[0], resolve));
  let recorded: RecordedPart | undefined;
  const giveRecorded = async (): Promise<void> => {
    if (!recorded) return;
    const { members, to } = recorded;
    await handedOverBefore;
    const handingOver = quietly(handOver(deps, job, members));
    // A position says that all before it is done, whichever part was done first.
    const position = handedOver.then(() => handingOver).then(() => recordPosition(deps, batch, to));
    [handedOver, handedOverBefore] = [quietly(position), handedOver];
  };
  try {
    for (const [index, { to }] of parts.entries()) {
      signal.throwIfAborted();
      const members = await planning;
      // While the database writes these, those after them are planned, and the queue is given those before: to begin
      // with that first would hold up the writing, as it takes this thread.
      planning = quietly(planPart(deps, batch, parts[index + 1], resolve));
      const recording = quietly(record(deps, batch.id, members));
      await giveRecorded();
      if (!(await recording)) return false;
      recorded = { members, to };
    }
    await giveRecorded();
    return true;
  } finally {
    await handedOver;
  }
}

function partsOf({ expanded, total }: BatchRow): Part[] {
  const parts: Part[] = [];
  for (let from = expanded; from < total; ) {
    const to = Math.min(total, from + (parts.length === 0 ? FIRST_CHUNK : CHUNK));
    parts.push({ from, to });
    from = to;
  }
  return parts;
}

/** A promise that is awaited later, or not at all where something else has failed first. */
function quietly<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

async function planPart(
  { database, config }: ExpandDeps,
  batch: BatchRow,
  part: Part | undefined,
  resolve: Resolve,
): Promise<NewMember[]> {
  if (!part) return [];
  const { from, to } = part;
  const images = await database.query('batches.images', (sql) => imagesOf(sql, batch.id, from, to));
  const ids = images.map(({ imageId }) => imageId);
  const found = await database.query('renditions.ofImages', (sql) => findRenditions(sql, ids));
  const standing = new Map<string, RenditionRow[]>();
  for (const rendition of found) {
    const others = standing.get(rendition.imageId);
    if (others) others.push(rendition);
    else standing.set(rendition.imageId, [rendition]);
  }
  const { maxOutputPixels } = config;
  const plan = { batchId: batch.id, wanted: batch.wanted, maxOutputPixels, standing, resolve };
  return images.map((image, index) => planMember(plan, image, from + index));
}

async function record(
  { database }: ExpandDeps,
  batchId: string,
  members: readonly NewMember[],
): Promise<boolean> {
  const going = await database.query('batches.insertMembers', (sql) => insertMembers(sql, batchId, members));
  const ended = members.filter(({ end }) => end !== undefined);
  if (going && ended.length > 0) await database.query('batches.endMembers', (sql) => endMembers(sql, ended));
  return going;
}

/** Gives the queue members that have something to do. */
async function handOver(
  { dispatcher }: ExpandDeps,
  { tenantId, priority, attemptsMax }: Pick<JobRow, 'tenantId' | 'priority' | 'attemptsMax'>,
  members: readonly NewMember[],
): Promise<void> {
  const common = { tenantId, type: 'resize', priority, attemptsMax, run: 0, runAt: null } as const;
  const waiting = members.filter(({ end }) => end === undefined);
  await dispatcher.dispatch(...waiting.map(({ id }) => ({ ...common, id })));
}

async function recordPosition({ database }: ExpandDeps, { id }: BatchRow, to: number): Promise<void> {
  await database.query('batches.recordExpanded', (sql) => recordExpanded(sql, id, to));
}
