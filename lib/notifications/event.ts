import type { Export } from '../exports/export.js';
import type { Image } from '../images/image.js';
import type { Job } from '../jobs/job.js';
import type { EventType } from './event-types.js';

/** Something that happened, as it is told: the body of a webhook. */
export interface NotifiedEvent {
  readonly type: EventType;
  /** When it happened; RFC 3339. */
  readonly timestamp: string;
  /** The job, export or image as the API shows it. */
  readonly data: Job | Export | Image;
}
