import type { RenditionOptions } from '../renditions/options-schema.js';

/** Rendition options under a name. */
export interface Preset {
  readonly name: string;
  readonly options: RenditionOptions;
  /** Comes with the service and cannot be changed. */
  readonly builtIn: boolean;
}

/** What a preset's name is made of. */
export const PRESET_NAME = '^[a-z0-9][a-z0-9_-]{0,63}$';

/** The presets that every tenant has. */
export const builtInPresets: readonly Preset[] = [
  { name: 'thumbnail', options: { width: 200, height: 200, fit: 'cover', format: 'webp' }, builtIn: true },
  { name: 'small', options: { width: 640, format: 'webp' }, builtIn: true },
  { name: 'medium', options: { width: 1280, format: 'webp' }, builtIn: true },
  { name: 'large', options: { width: 1920, format: 'webp' }, builtIn: true },
];
