import type { Role } from './role.js';

/** A key as its row has it, without its secrets. */
export interface KeyRow {
  readonly id: string;
  readonly tenantId: string;
  readonly prefix: string;
  readonly name: string | null;
  readonly role: Role;
  /** Until when the secret before the last rotation is good. */
  readonly previousUntil: Date | null;
  readonly expiresAt: Date | null;
  /** To the minute or so: see {@link KeyRing}. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly createdAt: Date;
}

/** A key as the API shows it. */
export interface Key {
  readonly id: string;
  readonly prefix: string;
  readonly tenant: string;
  readonly name: string | null;
  readonly role: Role;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly previousSecretUntil: string | null;
  readonly revokedAt: string | null;
}

/** A row as the API shows it. */
export function presentKey(row: KeyRow): Key {
  return {
    id: row.id,
    prefix: row.prefix,
    tenant: row.tenantId,
    name: row.name,
    role: row.role,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    previousSecretUntil: row.previousUntil?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
