import { Problem } from '../../lib/errors.js';

/** The answer for a tenant that there is not, and for one that is not the caller's. */
export function tenantNotFound(): Problem {
  return new Problem('TENANT_NOT_FOUND', 'There is no tenant of this id.');
}
