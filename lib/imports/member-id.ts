import { createHash } from 'node:crypto';

/**
 * Makes the ids of an import's members: UUIDs of version 7 with the import's own time, a part that is
 * derived from its id, and the row's line, so that the same row gets the same id however often it is read,
 * and ids are in the order of the lines.
 *
 * @returns what makes the id of the row on a line, from 1
 */
export function memberIds(importId: string): (line: number) => string {
  const digest = createHash('sha256').update(importId).digest('hex');
  // RFC 9562: four bits of version before the first part, two of variant before the second.
  const variant = ((Number.parseInt(digest.slice(3, 4), 16) & 0b0011) | 0b1000).toString(16);
  const prefix = `${importId.slice(0, 13)}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 11)}`;
  return (line) => `${prefix}${line.toString(16).padStart(8, '0')}`;
}
