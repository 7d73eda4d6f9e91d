/**
 * A JSON value as text with sorted names all the way down. Equal values give equal text, also after a
 * trip through a database column that does not keep the order of names.
 *
 * @throws RangeError when it is nested deeper than the stack
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
