import type { FieldError } from '../errors.js';
import { show } from '../validation.js';
import { parseColour } from './colour.js';
import { type Format, formatFacts, formatsWith } from './formats.js';
import type { RenditionOptions } from './options-schema.js';

type Rule = (options: RenditionOptions) => FieldError | undefined;

const looksAtPicture = new Set<RenditionOptions['position']>(['entropy', 'attention']);

// What a schema cannot say: the colours, and which options exclude each other.
const rules: readonly Rule[] = [
  ({ background }) => colourError('background', background),
  ({ trim }) => (typeof trim === 'object' ? colourError('trim.background', trim.background) : undefined),
  ({ fit, position }) =>
    fit === 'contain' && looksAtPicture.has(position)
      ? { path: 'position', message: `is ${show(position)}; it goes with fit cover, not contain` }
      : undefined,
  ({ animated, page }) =>
    animated && page !== undefined
      ? { path: 'page', message: `is ${page}; it picks one frame, and animated keeps them all` }
      : undefined,
  ({ animated, rotate }) =>
    animated && rotate !== undefined && rotate % 180 !== 0
      ? { path: 'rotate', message: `is ${rotate}; with animated it takes a multiple of 180` }
      : undefined,
  ({ animated, position }) =>
    animated && looksAtPicture.has(position)
      ? {
          path: 'position',
          message: `is ${show(position)}; it looks at one frame and does not go with animated`,
        }
      : undefined,
  ({ animated, trim }) =>
    animated && trim
      ? { path: 'trim', message: `is ${show(trim)}; it looks at one frame and does not go with animated` }
      : undefined,
];

/** Everything about the options that no image could change: colours, exclusions and a named format's own limits. */
export function combinationErrors(options: RenditionOptions, path: string): FieldError[] {
  const found = rules.map((rule) => rule(options)).filter((error) => error !== undefined);
  const { format } = options;
  const ofFormat = format === undefined || format === 'original' ? [] : formatErrors(options, format);
  return [...found, ...ofFormat].map((error) => ({
    ...error,
    path: path ? `${path}.${error.path}` : error.path,
  }));
}

/** What the options ask of a format that it cannot do; the paths are relative to the options. */
export function formatErrors(options: RenditionOptions, format: Format): FieldError[] {
  const facts = formatFacts(format);
  const errors: FieldError[] = [];
  if (options.lossless && !facts.lossless) {
    const able = formatsWith((other) => other.lossless);
    errors.push({ path: 'lossless', message: `is true; it goes with ${able}, not ${format}` });
  }
  if (options.animated && !facts.animation) {
    const able = formatsWith((other) => other.animation);
    errors.push({ path: 'animated', message: `is true; it goes with ${able}, not ${format}` });
  }
  if (options.effort !== undefined) errors.push(...effortErrors(options.effort, format));
  return errors;
}

function effortErrors(effort: number, format: Format): FieldError[] {
  const range = formatFacts(format).effort;
  if (!range) {
    const able = formatsWith((other) => other.effort !== undefined);
    return [{ path: 'effort', message: `is ${effort}; it goes with ${able}, not ${format}` }];
  }
  return effort < range.min || effort > range.max
    ? [{ path: 'effort', message: `is ${effort}; for ${format} it takes ${range.min} to ${range.max}` }]
    : [];
}

function colourError(path: string, colour: string | undefined): FieldError | undefined {
  return colour === undefined || parseColour(colour)
    ? undefined
    : {
        path,
        message: `is ${show(colour)}; it takes a CSS colour such as #ff8800, rgb(255 136 0 / 50%) or white`,
      };
}
