import type { Key } from '../../lib/keys/key.js';
import type { Role } from '../../lib/keys/role.js';
import type { Api } from './contract.js';

/** A key as it is shown where it is made. */
export interface NewKey extends Key {
  /** The whole token. */
  readonly secret: string;
}

/** The same client with a key. */
export function withKey(api: Api, token: string): Api {
  return (path, asked = {}) =>
    api(path, { ...asked, headers: { authorization: `Bearer ${token}`, ...asked.headers } });
}

/** Has an operator make a key. @returns the key, and a client that has it */
export async function makeKey(
  operator: Api,
  api: Api,
  about: { readonly tenant: string; readonly role: Role; readonly expiresAt?: string },
): Promise<{ key: NewKey; api: Api }> {
  const { body, status } = await operator<NewKey>('/v1/keys', { method: 'POST', json: about });
  if (status !== 201) throw new Error(`no key was made: ${status}`);
  return { key: body, api: withKey(api, body.secret) };
}
