import type { Readable } from 'node:stream';

/** The beginning of a body. */
export interface Beginning {
  readonly bytes: Buffer;
  /** Whether there was more, or the rest did not come. */
  readonly cut: boolean;
}

/**
 * Reads the beginning of a body and lets the rest go. It does not fail: what broke off is cut.
 *
 * @param limit most bytes to keep
 * @param ms longest to wait for them
 */
export async function readAtMost(body: Readable, limit: number, ms: number): Promise<Beginning> {
  const parts: Buffer[] = [];
  let size = 0;
  let cut = false;
  const late = setTimeout(() => body.destroy(), ms);
  try {
    for await (const part of body) {
      parts.push(part);
      size += part.length;
      if (size <= limit) continue;
      cut = true;
      break;
    }
    cut ||= !body.readableEnded;
  } catch {
    cut = true;
  } finally {
    clearTimeout(late);
    body.destroy();
  }
  return { bytes: Buffer.concat(parts).subarray(0, limit), cut };
}
