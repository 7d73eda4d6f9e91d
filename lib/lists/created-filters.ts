import { Type } from 'typebox';
import type { Filter } from './list.js';

/** The filters by time of every resource that has a `created_at`. */
export const createdFilters = {
  createdAfter: {
    column: 'created_at',
    type: 'timestamp',
    operator: '>',
    schema: Type.String({ format: 'date-time', description: 'Created after this time' }),
  },
  createdBefore: {
    column: 'created_at',
    type: 'timestamp',
    operator: '<',
    schema: Type.String({ format: 'date-time', description: 'Created before this time' }),
  },
} as const satisfies Record<string, Filter>;
