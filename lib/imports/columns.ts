import { type FieldError, Problem } from '../errors.js';

/** What a column of an import's CSV holds. */
export type Column =
  | { readonly kind: 'url' | 'path' | 'filename' | 'presets' }
  | { readonly kind: 'metadata'; readonly name: string };

const KINDS = ['url', 'path', 'filename', 'presets'] as const;
const METADATA = 'metadata.';
const KNOWN = `${KINDS.join(', ')} and ${METADATA}<name>`;
/** As a fault shows the name of a column. */
const SHOWN = 60;

/**
 * The columns that the cells of a header name. Spaces around a name do not count; case does.
 *
 * @throws Problem COLUMNS_INVALID (400) naming each column that is unknown or there twice, or `url` where
 *   there is neither `url` nor `path`
 */
export function readColumns(names: readonly string[]): Column[] {
  const trimmed = names.map((name) => name.trim());
  const faults: FieldError[] = [];
  const columns = trimmed.flatMap((name, index): Column[] => {
    const column = columnOf(name);
    const path = name.slice(0, SHOWN) || `column ${index + 1}`;
    if (!column) faults.push({ path, message: `is not known; known are ${KNOWN}, separated by commas` });
    else if (trimmed.indexOf(name) < index) faults.push({ path, message: 'is there twice' });
    return column ? [column] : [];
  });
  if (faults.length === 0 && !columns.some(({ kind }) => kind === 'url' || kind === 'path'))
    faults.push({ path: 'url', message: 'is missing, and so is path; an import takes one of them or both' });
  const [first] = faults;
  if (!first) return columns;
  throw new Problem('COLUMNS_INVALID', `The column ${first.path} ${first.message}.`, { errors: faults });
}

function columnOf(name: string): Column | undefined {
  const kind = KINDS.find((each) => each === name);
  if (kind) return { kind };
  return name.startsWith(METADATA) && name.length > METADATA.length
    ? { kind: 'metadata', name: name.slice(METADATA.length) }
    : undefined;
}
