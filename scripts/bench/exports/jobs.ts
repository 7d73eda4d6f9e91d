import type { Export } from '../../../lib/exports/export.js';
import { jsonOf, send } from '../http.js';

/** Has all images exported to a file, and waits for it. */
export async function exportJob(origin: string, format: string): Promise<Export> {
  const answer = await send(
    `${origin}/v1/exports`,
    'POST',
    { 'content-type': 'application/json', prefer: 'wait=60' },
    [Buffer.from(JSON.stringify({ dataset: 'images', format }))],
  );
  const made = jsonOf<{ export: Export }>(answer, 201).export;
  if (made.state !== 'completed') throw new Error(`an export is ${made.state}`);
  return made;
}
