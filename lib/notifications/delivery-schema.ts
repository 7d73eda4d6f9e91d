import { Type } from 'typebox';
import { jobStates } from '../jobs/state.js';
import { Id, Nullable, Time } from '../schemas.js';
import { eventTypes } from './event-types.js';

/** A delivery as the API shows it. */
export const DeliverySchema = Type.Object(
  {
    id: Id('The delivery; the webhook-id of its message'),
    webhookId: Nullable(Id('Where it goes')),
    jobId: Id('The job that delivers it'),
    type: Type.Enum([...eventTypes, 'notice'], { description: 'What it tells of' }),
    state: Type.Enum([...jobStates], { description: 'Where it stands' }),
    attempts: Type.Integer({ minimum: 0, description: 'Attempts since it was begun, or begun anew' }),
    lastStatus: Nullable(Type.Integer({ description: 'HTTP status of the last answer' })),
    lastError: Nullable(Type.String({ description: 'Why the last attempt failed' })),
    response: Nullable(Type.String({ description: 'The beginning of the last answer' })),
    lastAttemptAt: Nullable(Time('When it was last tried')),
    nextAttemptAt: Nullable(Time('When it is tried next')),
    createdAt: Time('When it was recorded'),
  },
  { $id: 'Delivery', description: 'One message to one webhook' },
);
