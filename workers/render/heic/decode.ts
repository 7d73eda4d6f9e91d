import { MAX_METADATA_BYTES, MAX_PROFILE_BYTES } from '../../../lib/renditions/input-limits.js';
import type { KeptSource } from '../metadata.js';
import { type Libheif, openLibheif } from './libheif.js';
import { nclxProfile } from './nclx-profile.js';

/** A decoded picture: 8 bits a channel, rows without padding, turned and cropped as the file says. */
export interface DecodedHeic {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** In the decoder's memory, which lives as long as this is held. */
  readonly rows: readonly Uint8Array[];
  /** What its colours mean; undefined: sRGB. */
  readonly profile: Buffer | undefined;
  readonly metadata: KeptSource;
}

/** What the decoder says of a file that it does not decode. */
export class UndecodableHeic extends Error {
  override readonly name = 'UndecodableHeic';
  /** Whether it is too large rather than damaged. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

/** The decoder's own size, and what a pixel may take at its worst: 10 bits, alpha and a second copy. */
const BASE_BYTES = 96 * 1024 * 1024;
const BYTES_A_PIXEL = 24;
/** What WebAssembly of 32 bits can have. */
const MOST_BYTES = 2 ** 31;

/** Of `heif_error_code` and `heif_suberror_code`. */
const MEMORY_ERROR = 6;
const LIMIT_EXCEEDED = 1000;
/** `heif_colorspace_RGB`, `heif_chroma_interleaved_RGB` and `_RGBA`, `heif_channel_interleaved`. */
const COLOURSPACE_RGB = 1;
const CHROMA = { 3: 10, 4: 11 } as const;
const CHANNEL = 10;
/** Places in `heif_decoding_options` and `heif_security_limits`, as wasm32 lays them out. */
const OPTION_TO_8_BITS = 20;
const LIMIT_PIXELS = 8;
const LIMIT_PROFILE_BYTES = 32;

/**
 * Decodes the main picture of a HEIC, tiles and alpha and all.
 *
 * @param pixels as the header tells; what turns out to take much more memory fails
 * @throws UndecodableHeic
 */
export function decodeHeic(file: Uint8Array, pixels: number, maxInputPixels: number): DecodedHeic {
  const memory = Math.min(MOST_BYTES, BASE_BYTES + 2 * file.length + BYTES_A_PIXEL * pixels);
  const heif = openLibheif(memory);
  try {
    return decode(new Calls(heif), file, maxInputPixels);
  } catch (error) {
    if (error instanceof UndecodableHeic) throw error;
    // An exception of C++, or a trap: the file led the decoder astray. Its memory goes with it.
    throw new UndecodableHeic('the decoder gave up');
  }
}

function decode(calls: Calls, file: Uint8Array, maxInputPixels: number): DecodedHeic {
  const { heif } = calls;
  const context = heif._heif_context_alloc();
  const limits = heif._heif_context_get_security_limits(context);
  calls.view().setBigUint64(limits + LIMIT_PIXELS, BigInt(maxInputPixels), true);
  calls.view().setUint32(limits + LIMIT_PROFILE_BYTES, MAX_PROFILE_BYTES, true);
  const input = calls.copyIn(file);
  calls.check((error) =>
    heif._heif_context_read_from_memory_without_copy(error, context, input, file.length, 0),
  );
  const handle = calls.pointer((error, out) =>
    heif._heif_context_get_primary_image_handle(error, context, out),
  );
  const channels = heif._heif_image_handle_has_alpha_channel(handle) === 1 ? 4 : 3;
  const options = heif._heif_decoding_options_alloc();
  calls.view().setUint8(options + OPTION_TO_8_BITS, 1);
  const image = calls.pointer((error, out) =>
    heif._heif_decode_image(error, handle, out, COLOURSPACE_RGB, CHROMA[channels], options),
  );
  return {
    ...pixelsOf(calls, image, channels),
    profile: profileOf(calls, handle),
    metadata: { exif: exifOf(calls, handle), xmpAsString: xmpOf(calls, handle) },
  };
}

function pixelsOf(
  calls: Calls,
  image: number,
  channels: 3 | 4,
): Pick<DecodedHeic, 'width' | 'height' | 'channels' | 'rows'> {
  const { heif } = calls;
  const width = heif._heif_image_get_width(image, CHANNEL);
  const height = heif._heif_image_get_height(image, CHANNEL);
  const { result: plane, out: stride } = calls.withOut((out) =>
    heif._heif_image_get_plane_readonly(image, CHANNEL, out),
  );
  if (plane === 0 || width < 1 || height < 1) throw new UndecodableHeic('it has no pixels');
  const rows = Array.from({ length: height }, (_, y) => calls.bytes(plane + y * stride, width * channels));
  return { width, height, channels, rows };
}

/** The ICC profile, or one made of the numbers that stand for a colour space. */
function profileOf(calls: Calls, handle: number): Buffer | undefined {
  const { heif } = calls;
  const size = heif._heif_image_handle_get_raw_color_profile_size(handle);
  if (size > 0) {
    const to = heif._malloc(size);
    calls.check((error) => heif._heif_image_handle_get_raw_color_profile(error, handle, to));
    return Buffer.from(calls.bytes(to, size));
  }
  // None is no error worth a failure: its colours are sRGB then.
  const nclx = calls.optionalPointer((error, out) =>
    heif._heif_image_handle_get_nclx_color_profile(error, handle, out),
  );
  // `heif_color_profile_nclx`: a version, and the primaries.
  return nclx === 0 ? undefined : nclxProfile(calls.view().getUint32(nclx + 4, true));
}

/** A TIFF structure; before it stands how far into the item it begins (ISO/IEC 23008-12, annex A.2.1). */
function exifOf(calls: Calls, handle: number): Buffer | undefined {
  const item = metadataOf(calls, handle, (type) => type === 'Exif');
  if (!item || item.length < 4) return undefined;
  return item.subarray(4 + item.readUInt32BE(0));
}

function xmpOf(calls: Calls, handle: number): string | undefined {
  return metadataOf(calls, handle, (_, contentType) => contentType === 'application/rdf+xml')?.toString();
}

/** The first block of metadata that passes. */
function metadataOf(
  calls: Calls,
  handle: number,
  passes: (type: string, contentType: string) => boolean,
): Buffer | undefined {
  const { heif } = calls;
  const count = Math.min(16, heif._heif_image_handle_get_number_of_metadata_blocks(handle, 0));
  const ids = heif._malloc(4 * 16);
  heif._heif_image_handle_get_list_of_metadata_block_IDs(handle, 0, ids, count);
  for (let index = 0; index < count; index++) {
    const id = calls.view().getUint32(ids + 4 * index, true);
    const type = calls.text(heif._heif_image_handle_get_metadata_type(handle, id));
    const contentType = calls.text(heif._heif_image_handle_get_metadata_content_type(handle, id));
    const size = heif._heif_image_handle_get_metadata_size(handle, id);
    if (!passes(type, contentType) || size === 0 || size > MAX_METADATA_BYTES) continue;
    const to = heif._malloc(size);
    // Broken metadata is no reason to fail a rendition.
    const isRead = calls.succeeds((error) => heif._heif_image_handle_get_metadata(error, handle, id, to));
    if (isRead) return Buffer.from(calls.bytes(to, size));
  }
  return undefined;
}

/** Calls into C: results that come through pointers, and errors that come as structures. */
class Calls {
  readonly heif: Libheif;
  /** A `heif_error`: a code, a second one and a text; and the place of a result. */
  readonly #error: number;
  readonly #out: number;

  constructor(heif: Libheif) {
    this.heif = heif;
    this.#error = heif._malloc(12);
    this.#out = heif._malloc(4);
  }

  /** The memory as it is now: growing it makes another buffer. */
  view(): DataView {
    const { buffer }: Uint8Array = this.heif.HEAPU8;
    return new DataView(buffer);
  }

  bytes(at: number, length: number): Uint8Array {
    const { buffer }: Uint8Array = this.heif.HEAPU8;
    return new Uint8Array(buffer, at, length);
  }

  copyIn(bytes: Uint8Array): number {
    const at = this.heif._malloc(bytes.length);
    if (at === 0) throw new UndecodableHeic('it needs too much memory', true);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  text(at: number): string {
    if (at === 0) return '';
    const bytes = this.bytes(at, Math.min(256, this.heif.HEAPU8.length - at));
    return Buffer.from(bytes).toString('latin1').split('\0', 1)[0] ?? '';
  }

  succeeds(call: (error: number) => void): boolean {
    call(this.#error);
    return this.view().getInt32(this.#error, true) === 0;
  }

  /** @throws UndecodableHeic with the decoder's words */
  check(call: (error: number) => void): void {
    if (this.succeeds(call)) return;
    const view = this.view();
    const [code, second, text] = [0, 4, 8].map((at) => view.getUint32(this.#error + at, true));
    const words = this.text(text ?? 0);
    // Other limits are of items, tiles and the like, which no camera comes near to.
    const isTooLarge = code === MEMORY_ERROR || (second === LIMIT_EXCEEDED && /image size/i.test(words));
    throw new UndecodableHeic(words, isTooLarge);
  }

  /** The pointer that a call gives. @throws UndecodableHeic */
  pointer(call: (error: number, out: number) => void): number {
    this.check((error) => call(error, this.#out));
    return this.view().getUint32(this.#out, true);
  }

  /** The pointer that a call gives, or 0 where it fails. */
  optionalPointer(call: (error: number, out: number) => void): number {
    return this.succeeds((error) => call(error, this.#out)) ? this.view().getUint32(this.#out, true) : 0;
  }

  /** What a call returns, and the number that it leaves beside that. */
  withOut(call: (out: number) => number): { result: number; out: number } {
    const result = call(this.#out);
    return { result, out: this.view().getUint32(this.#out, true) };
  }
}
