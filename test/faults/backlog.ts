import type { Image } from '../../lib/images/image.js';
import { newJob } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { inParallel } from './parallel.js';

const CLIENTS = 8;
const WIDTHS = 400;

/** Asks for `count` renditions of one picture, no two alike: a job each. @returns the picture */
export async function queueJobs(url: string, count: number, priority = 'low'): Promise<Image> {
  const file = await noise(600, 400).png().toBuffer();
  const first = await newJob(url, { renditions: [rendition(0)] }, file);
  await inParallel(count - 1, CLIENTS, async (index) => {
    const response = await fetch(`${url}/v1/images/${first.image.id}/renditions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ renditions: [rendition(index + 1)], priority }),
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`${response.status} ${text}`);
  });
  return first.image;
}

/** The `index`th of 40,000 different renditions. */
function rendition(index: number): { width: number; quality: number; format: 'jpeg' } {
  return { width: 100 + (index % WIDTHS), quality: 90 - Math.floor(index / WIDTHS), format: 'jpeg' };
}
