import postgres from 'postgres';
import type { ImageRow } from '../images/image.js';
import type { JobRow } from '../jobs/job.js';
import type { NotifyOptions } from './notify-options.js';

/** A row as `to_jsonb` writes it: names as SQL has them, times as text. */
export type Snapshot = Readonly<Record<string, unknown>>;

/** What was recorded of a change. */
export type Recorded =
  | { readonly kind: 'job'; readonly job: JobRow; readonly notify: NotifyOptions | null }
  | { readonly kind: 'image.created' | 'image.deleted'; readonly image: ImageRow };

/** Reads back what a trigger wrote; see the migration of the outbox. */
export function recordedOf(kind: Recorded['kind'], snapshot: Snapshot): Recorded {
  const row: unknown = rowOf(snapshot);
  // The trigger wrote the whole row of exactly that table.
  if (kind !== 'job') return { kind, image: row as ImageRow };
  const { notify, ...job } = row as JobRow & { readonly notify: NotifyOptions | null };
  return { kind, job, notify };
}

/** Names as the code has them, and times as dates; what stands inside of JSON columns is left alone. */
function rowOf(snapshot: Snapshot): Record<string, unknown> {
  const entries = Object.entries(snapshot).map(([name, value]) => [
    postgres.toCamel(name),
    name.endsWith('_at') && typeof value === 'string' ? new Date(value) : value,
  ]);
  return Object.fromEntries(entries);
}
