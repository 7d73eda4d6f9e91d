/**
 * A text as an SQL literal, for statements that take no parameters, as `COPY` does.
 *
 * Safe whatever `standard_conforming_strings` is: a text with a backslash is written as `E'…'`, where a
 * backslash always escapes. The encoding has to be UTF-8, which is what the client speaks: in it no byte
 * of a longer character is a quote.
 *
 * @throws RangeError for a text that PostgreSQL cannot hold: one with a NUL or half a surrogate pair
 * @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
 */
export function textLiteral(text: string): string {
  if (!isStorable(text)) throw new RangeError('a text with a NUL or half a character is no SQL literal');
  const quoted = text.replaceAll("'", "''");
  // The space keeps the E apart from what stands before it.
  return text.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** A number as an SQL literal. @throws RangeError for one that is not finite */
export function numberLiteral(number: number): string {
  if (!Number.isFinite(number)) throw new RangeError(`${number} is no SQL literal`);
  // In brackets: after a minus sign another one would begin a comment.
  return number < 0 ? `(${number})` : String(number);
}

/** A name as an SQL identifier, such as the dotted name of a column. */
export function identifier(name: string): string {
  if (!isStorable(name)) throw new RangeError('a name with a NUL or half a character is no SQL identifier');
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether PostgreSQL can hold a text: no NUL, and nothing that UTF-8 has no bytes for. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
