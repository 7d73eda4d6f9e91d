import { invalidField } from '../errors.js';
import { isUuid } from '../ids.js';

/** A place in a list: the sort key and the id of one row. Lists go on from it even when that row is gone. */
export interface Cursor {
  readonly createdAt: Date;
  readonly id: string;
}

/** A cursor as clients carry it: opaque, safe in a URL. */
export function encodeCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt.getTime().toString(36)}.${id}`).toString('base64url');
}

/**
 * Reads a cursor back.
 *
 * @param path the query field it came in, for the error
 * @param isId what ids of the list look like
 * @throws Problem CURSOR_INVALID for a text that is not one of ours
 */
export function decodeCursor(text: string, path: string, isId: (text: string) => boolean = isUuid): Cursor {
  const [time = '', id = ''] = Buffer.from(text, 'base64url').toString('latin1').split('.');
  const createdAt = new Date(/^[\da-z]{1,9}$/.test(time) ? Number.parseInt(time, 36) : Number.NaN);
  if (Number.isNaN(createdAt.getTime()) || !isId(id)) {
    throw invalidField(
      path,
      'is not a cursor of this list; take nextCursor or previousCursor of an answer',
      'CURSOR_INVALID',
    );
  }
  return { createdAt, id };
}
