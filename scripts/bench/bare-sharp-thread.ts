import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';

/** What a bare thread is to do. */
export interface BareTask {
  readonly files: readonly { readonly input: string; readonly output: string }[];
}

// A thread of the loop that the service is measured against: sharp and nothing else.
sharp.concurrency(1);
sharp.cache(false);

parentPort?.on('message', async ({ files }: BareTask) => {
  for (const { input, output } of files) {
    await sharp(input).resize(512).jpeg({ quality: 80 }).toFile(output);
  }
  parentPort?.postMessage('done');
});
