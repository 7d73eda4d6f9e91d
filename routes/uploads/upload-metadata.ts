import { Metadata } from '@tus/server';
import { invalidField } from '../../lib/errors.js';
import type { Wish } from '../../lib/uploads/finish.js';
import { readFields } from '../images/upload-form.js';

const FIELDS = ['filename', 'preset', 'renditions', 'metadata', 'priority', 'runAt'] as const;
/** What clients of tus send of themselves; the type is told by the bytes. */
const HARMLESS: ReadonlySet<string> = new Set(['filetype', 'name', 'type', 'relativePath']);

/**
 * Reads `Upload-Metadata`: what a form says in fields beside its file. `preset` takes several, separated by
 * commas, because tus knows every name once.
 *
 * @throws Problem FIELD_UNKNOWN, VALIDATION_FAILED (400) that name the field
 */
export function readUploadMetadata(header: string): Wish {
  const given = parse(header);
  const unknown = Object.keys(given).find(
    (name) => !HARMLESS.has(name) && !FIELDS.some((field) => field === name),
  );
  if (unknown !== undefined)
    throw invalidField(unknown, `is not known here; known are ${FIELDS.join(', ')}`, 'FIELD_UNKNOWN');
  const value = (name: (typeof FIELDS)[number]): string | undefined => given[name] ?? undefined;
  const { metadata, wanted } = readFields({
    presets: (value('preset') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    flat: {},
    renditions: value('renditions'),
    metadata: value('metadata'),
    priority: value('priority'),
    runAt: value('runAt'),
  });
  return { filename: value('filename') ?? given['name'] ?? undefined, metadata, wanted };
}

function parse(header: string): Readonly<Record<string, string | null>> {
  if (header === '') return {};
  try {
    return Metadata.parse(header);
  } catch {
    throw invalidField(
      'Upload-Metadata',
      'is malformed; it takes names and values in Base64, a space between, and a comma between pairs',
    );
  }
}
