/** What a webhook can be told of. */
export const eventTypes = [
  'job.completed',
  'job.failed',
  'job.cancelled',
  'batch.completed',
  'export.completed',
  'image.created',
  'image.deleted',
] as const;
export type EventType = (typeof eventTypes)[number];

/** In the place of all types. */
export const EVERY_EVENT = '*';
/** What a webhook can be subscribed to. */
export const subscribable = [...eventTypes, EVERY_EVENT] as const;
/** A type of event, or all of them. */
export type Subscribed = (typeof subscribable)[number];
