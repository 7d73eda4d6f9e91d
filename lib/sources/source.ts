import type { RenditionOptions } from '../renditions/options-schema.js';

/** Where an image comes from that a job has yet to get, and what is wanted of it. */
export interface ImageSource {
  /** One of the two. */
  readonly url?: string;
  /** Below the folder that imports may read. */
  readonly path?: string;
  readonly filename?: string;
  /** Looked up when the image is there. */
  readonly presets: readonly string[];
  /** Checked for form, but not yet against the image. */
  readonly renditions?: readonly RenditionOptions[];
  readonly metadata: { readonly [name: string]: unknown };
}
