import { type Caller, isOperator } from '../../lib/keys/caller.js';

/** Whose keys a caller manages: its tenant's, or all (null) where it runs the service. */
export function keysSeenBy(caller: Caller): string | null {
  return isOperator(caller) ? null : caller.tenantId;
}
