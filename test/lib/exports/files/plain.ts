import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileTask } from '../../../../lib/exports/files/file-task.js';

/** A task for rows of an id and a number that counts from 0, in files of a folder. */
export function plainTask(folder: string, rows: number, change: Partial<FileTask> = {}): FileTask {
  return {
    csvPath: `${folder}/rows.csv`,
    outputPath: `${folder}/output`,
    rows,
    columns: [
      { name: 'id', type: 'uuid' },
      { name: 'number', type: 'bigint' },
    ],
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...change,
  };
}

/** Writes the CSV of a {@link plainTask}. */
export async function writePlainCsv({ csvPath, rows }: FileTask): Promise<void> {
  await pipeline(Readable.from(lines(rows)), createWriteStream(csvPath));
}

function* lines(rows: number): Generator<string> {
  let text = 'id,number\n';
  for (let number = 0; number < rows; number++) {
    text += `0193a5b0-0000-7000-8000-${String(number).padStart(12, '0')},${number}\n`;
    if (text.length < 64 * 1024) continue;
    yield text;
    text = '';
  }
  yield text;
}
