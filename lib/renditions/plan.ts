import type { RenditionRequest } from '../jobs/job.js';
import type { Preset } from '../presets/preset.js';
import { type CanonicalOptions, canonicalOptions, renditionId } from './canonical.js';
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

/** Resolves options for a source; see {@link canonicalOptions}. */
export type Resolve = (wanted: WantedRendition, source: SourceFacts) => CanonicalOptions;

const resolveAnew: Resolve = ({ options, path }, source) => canonicalOptions(options, source, path);

/**
 * Resolves the same options for many sources: what comes of them depends on a source's type, and on
 * whether it moves, and on nothing else of it.
 */
export function resolveMany(): Resolve {
  const known = new Map<WantedRendition, Map<string, CanonicalOptions>>();
  return (wanted, source) => {
    const ofWanted = known.get(wanted) ?? new Map<string, CanonicalOptions>();
    known.set(wanted, ofWanted);
    const kind = `${source.contentType} ${source.pages > 1}`;
    const resolved = ofWanted.get(kind) ?? resolveAnew(wanted, source);
    ofWanted.set(kind, resolved);
    return resolved;
  };
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
  resolve = resolveAnew,
): RenditionRequest[] {
  const planned = new Map<string, RenditionRequest>();
  for (const each of wanted) {
    const { options, path } = each;
    const canonical = resolve(each, source);
    outputSize(source, canonical, maxOutputPixels, path);
    const id = renditionId(source.sha256, canonical);
    if (!planned.has(id)) planned.set(id, { id, name: options.name ?? null, options: canonical });
  }
  return [...planned.values()];
}
