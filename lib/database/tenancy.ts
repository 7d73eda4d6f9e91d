import { AsyncLocalStorage } from 'node:async_hooks';

/** The role that sees the rows of one tenant: `migrations/0015-row-security.sql`. */
export const TENANT_ROLE = 'halftone_tenant';

const tenants = new AsyncLocalStorage<string>();

/**
 * Has every query that `run` leads to see the rows of one tenant only, whatever its conditions are: PostgreSQL
 * sees to that. Where nobody calls it, it costs nothing.
 */
export function asTenant<T>(tenantId: string, run: () => T): T {
  return tenants.run(tenantId, run);
}

/** What is of all tenants together, and only happens to be done while one of them is served. */
export function asService<T>(run: () => T): T {
  return currentTenant() === undefined ? run() : tenants.exit(run);
}

/** Begins a transaction that sees the rows of one tenant only. As text: it takes no parameters, and one packet. */
export function beginAsTenant(tenantId: string): string {
  return `begin; set local halftone.tenant = '${tenantId.replaceAll("'", "''")}'; set local role ${TENANT_ROLE}`;
}

/** Whose rows queries see from here; undefined: everybody's. */
export function currentTenant(): string | undefined {
  return tenants.getStore();
}
