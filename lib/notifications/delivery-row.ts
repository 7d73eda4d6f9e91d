import type { JobState } from '../jobs/state.js';
import type { EventType } from './event-types.js';

/** Who gets a message by e-mail, and under which subject. */
export interface MailHead {
  readonly to: readonly string[];
  readonly subject: string;
}

/** What is told: an event, or a notice of the service itself. */
export type DeliveryType = EventType | 'notice';

/** A delivery as its row has it. */
export interface DeliveryRow {
  /** Also that of its job. */
  readonly id: string;
  readonly tenantId: string;
  readonly webhookId: string | null;
  readonly mail: MailHead | null;
  readonly type: DeliveryType;
  /** Exactly what is sent: the body of a request, the text of a message. */
  readonly payload: string;
  /** Where its job stands. */
  readonly state: JobState;
  /** Attempts since it was begun, or begun anew. */
  readonly attempts: number;
  /** HTTP status of the last answer; null where none came, and for e-mail. */
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  /** The beginning of the last answer. */
  readonly response: string | null;
  readonly lastAttemptAt: Date | null;
  /** Null once it has ended. */
  readonly nextAttemptAt: Date | null;
  /** When it is no longer tried. */
  readonly giveUpAt: Date;
  readonly createdAt: Date;
}

/** A delivery to a webhook as the API shows it. */
export interface Delivery {
  readonly id: string;
  readonly webhookId: string | null;
  readonly jobId: string;
  readonly type: DeliveryType;
  readonly state: JobState;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly response: string | null;
  readonly lastAttemptAt: string | null;
  readonly nextAttemptAt: string | null;
  readonly createdAt: string;
}

/** A row as the API shows it. */
export function presentDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    webhookId: row.webhookId,
    jobId: row.id,
    type: row.type,
    state: row.state,
    attempts: row.attempts,
    lastStatus: row.lastStatus,
    lastError: row.lastError,
    response: row.response,
    lastAttemptAt: row.lastAttemptAt?.toISOString() ?? null,
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}
