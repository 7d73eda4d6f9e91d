/** What a key may do, the least first: each may do what those before it may. */
export const roles = ['reader', 'writer', 'admin'] as const;

/** Reads; changes what the tenant has; and gives out keys. */
export type Role = (typeof roles)[number];

/** Whether one role may do what another may. */
export function mayActAs(role: Role, wanted: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(wanted);
}
