import type { Role } from './role.js';

/** The tenant that the first key is of. Its admins are the operators of the whole service. */
export const OPERATORS_TENANT = 'default';

/** Who makes a request. */
export interface Caller {
  readonly tenantId: string;
  readonly role: Role;
  /** Null where requests need no key. */
  readonly keyId: string | null;
  /** The part of the key that may be seen. */
  readonly keyPrefix: string | null;
  /** When the key runs out. */
  readonly expiresAt: Date | null;
}

/** Who sees everything: the service itself, which does what was checked when it was asked for. */
export const insider: Viewer = { role: 'admin' };

/** Who sees what everybody of a tenant does: whoever reads what runs by itself. */
export const outsider: Viewer = { role: 'reader' };

/** Of which tenant somebody is, and what decides what it sees of it. */
export type TenantViewer = Pick<Caller, 'tenantId' | 'role'>;

/** What decides what of a resource somebody sees. */
export type Viewer = Pick<Caller, 'role'>;

/** Who everybody is where no keys are asked for (`AUTH=off`). */
export const anybody: Caller = {
  tenantId: OPERATORS_TENANT,
  role: 'admin',
  keyId: null,
  keyPrefix: null,
  expiresAt: null,
};

/** Whether somebody runs the service, and not only a tenant of it: queues are of all tenants together. */
export function isOperator({ tenantId, role }: Pick<Caller, 'tenantId' | 'role'>): boolean {
  return tenantId === OPERATORS_TENANT && role === 'admin';
}
