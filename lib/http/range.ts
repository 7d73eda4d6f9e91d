/** The first and the last byte, counted from 0, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` header for a file of `size` bytes (RFC 9110 §14). It counts for GET only.
 *
 * @returns the range; `'unsatisfiable'` for a 416; or undefined to serve the whole file, as is allowed
 *   for several ranges, and due for another unit or a malformed header
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const found = /^bytes=[\t ]*(\d*)-(\d*)[\t ]*$/i.exec(header ?? '');
  if (!found) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '') return suffix(last, size);
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last);
  if (start > end) return undefined;
  return start < size ? { start, end: Math.min(end, size - 1) } : 'unsatisfiable';
}

function suffix(digits: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (digits === '') return undefined;
  const length = Number(digits);
  if (length === 0) return 'unsatisfiable';
  // The last bytes of an empty file are satisfiable, but no Content-Range can say so.
  return size === 0 ? undefined : { start: Math.max(size - length, 0), end: size - 1 };
}
