import { uuidv7obj } from 'uuidv7';

/** A new UUIDv7 (RFC 9562): sorts by the time it was made, so that keys stay close on disk. */
export function newId(): string {
  return uuidv7obj().toString();
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** Whether a text is a UUID at all: what is none cannot be the id of anything, so it is a 404, never a query. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
