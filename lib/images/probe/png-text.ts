import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { systemErrorCode } from '../../errors.js';
import { MAX_METADATA_BYTES, MAX_PROFILE_BYTES } from '../../renditions/input-limits.js';
import type { ByteReader } from './byte-reader.js';
import type { HeaderTally } from './header.js';

/** Chunks whose content is deflated behind a keyword; in iTXt it may be. */
const packedTypes: ReadonlySet<string> = new Set(['iCCP', 'zTXt', 'iTXt']);
const textTypes: ReadonlySet<string> = new Set(['eXIf', 'tEXt', 'zTXt', 'iTXt']);

/** Deflate packs at most 1 : 1032, so that a profile of this size cannot be too large. */
const harmlessProfileBytes = 4000;
/** What unpacking takes besides: it keeps texts of nothing, a million of them, from being free. */
const windowBytes = 32 * 1024;

/**
 * Counts what a PNG's chunk of text or its profile holds, unpacked, and unpacks no more than may be there.
 *
 * @param start where the chunk's content begins
 * @throws Problem INPUT_PROFILE_TOO_LARGE, INPUT_METADATA_TOO_LARGE
 */
export async function countText(
  file: ByteReader,
  type: string,
  start: number,
  length: number,
  tally: HeaderTally,
): Promise<void> {
  const isProfile = type === 'iCCP';
  if (!isProfile && !textTypes.has(type)) return;
  const count = (bytes: number): void => (isProfile ? tally.profile(bytes) : tally.metadata(bytes));
  count(length);
  if (!packedTypes.has(type) || (isProfile && length <= harmlessProfileBytes)) return;
  const content = await file.upTo(start, length);
  const packed = packedPart(type, content);
  if (!packed) return;
  if (!isProfile) count(windowBytes);
  count(await unpackedBytes(packed, (isProfile ? MAX_PROFILE_BYTES : MAX_METADATA_BYTES) + 1));
}

/** Behind the keyword: a method; in iTXt a flag, the method, and two more texts (PNG, third edition, 11.3.3). */
function packedPart(type: string, content: Buffer): Buffer | undefined {
  const keywordEnd = content.indexOf(0);
  if (keywordEnd < 0) return undefined;
  if (type !== 'iTXt') return content.subarray(keywordEnd + 2);
  if (content[keywordEnd + 1] !== 1) return undefined;
  const languageEnd = content.indexOf(0, keywordEnd + 3);
  const keywordAgainEnd = languageEnd < 0 ? -1 : content.indexOf(0, languageEnd + 1);
  return keywordAgainEnd < 0 ? undefined : content.subarray(keywordAgainEnd + 1);
}

const unpack = promisify(inflate);

async function unpackedBytes(packed: Buffer, most: number): Promise<number> {
  try {
    return (await unpack(packed, { maxOutputLength: most })).length;
  } catch (error) {
    // What is broken is nothing that a decoder could unpack either.
    return systemErrorCode(error) === 'ERR_BUFFER_TOO_LARGE' ? most : 0;
  }
}
