import type { RenditionRequest } from '../jobs/job.js';
import type { Preset } from '../presets/preset.js';
import { canonicalOptions, renditionId } from './canonical.js';
import { outputSize } from './geometry.js';
import type { RenditionOptions } from './options-schema.js';
import type { SourceFacts } from './source-facts.js';

/** What a client asked for, checked for form but not yet against an image. */
export interface WantedRendition {
  readonly options: RenditionOptions;
  /** Where it stands in the request, such as `renditions.0`; for the errors. */
  readonly path: string;
}

/** The presets of a request as what they stand for, under their names. */
export function wantedFromPresets(presets: readonly Preset[], path: string): WantedRendition[] {
  return presets.map(({ name, options }, index) => ({
    options: { ...options, name },
    path: `${path}.${index}`,
  }));
}

/**
 * Settles what a job is to make of an image: every default resolved, every size known to fit, and
 * each rendition once, however often and in whatever words it was asked for.
 *
 * @throws Problem OPTIONS_UNPROCESSABLE or OUTPUT_TOO_MANY_PIXELS (422)
 */
export function planRenditions(
  wanted: readonly WantedRendition[],
  source: SourceFacts & { readonly sha256: string },
  maxOutputPixels: number,
): RenditionRequest[] {
  const planned = new Map<string, RenditionRequest>();
  for (const { options, path } of wanted) {
    const canonical = canonicalOptions(options, source, path);
    outputSize(source, canonical, maxOutputPixels, path);
    const id = renditionId(source.sha256, canonical);
    if (!planned.has(id)) planned.set(id, { id, name: options.name ?? null, options: canonical });
  }
  return [...planned.values()];
}
