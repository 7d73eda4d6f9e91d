/** The role that sees the rows of one tenant: `migrations/0015-row-security.sql`. */
export const TENANT_ROLE = 'halftone_tenant';

/** Begins a transaction that sees the rows of one tenant only. As text: it takes no parameters, and one packet. */
export function beginAsTenant(tenantId: string): string {
  return `begin; set local halftone.tenant = '${tenantId.replaceAll("'", "''")}'; set local role ${TENANT_ROLE}`;
}
