import { type Static, Type } from 'typebox';

const pixels = (description: string, minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, description: `${description}, in pixels.` });

const colour = (description: string) =>
  Type.String({
    minLength: 3,
    maxLength: 64,
    description: `${description}: a CSS colour such as #rrggbbaa.`,
  });

/** Where `cover` crops and `contain` places, in sharp's words; the last two look at the picture. */
export const positions = [
  'centre',
  'center',
  'north',
  'top',
  'northeast',
  'right top',
  'east',
  'right',
  'southeast',
  'right bottom',
  'south',
  'bottom',
  'southwest',
  'left bottom',
  'west',
  'left',
  'northwest',
  'left top',
  'entropy',
  'attention',
] as const;

/**
 * One rendition's options as a client sends them, in sharp's own words. It holds what JSON Schema can
 * say; `parseRenditionOptions` also checks the colours and what excludes what.
 */
export const RenditionOptionsSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._-]{1,64}$',
        description: 'A label; it does not change the image.',
      }),
    ),
    width: Type.Optional(pixels('Width of the output', 1, 16_384)),
    height: Type.Optional(pixels('Height of the output', 1, 16_384)),
    fit: Type.Optional(
      Type.Enum(['cover', 'contain', 'fill', 'inside', 'outside'], {
        description: 'How the image fills width and height when both are given. Default: cover.',
      }),
    ),
    position: Type.Optional(
      Type.Enum([...positions], {
        description: 'The part that cover keeps or contain fills. Default: centre.',
      }),
    ),
    background: Type.Optional(
      colour(
        'What fills bars and corners, and lies under transparent pixels in JPEG. Default: transparent, or white in JPEG',
      ),
    ),
    format: Type.Optional(
      Type.Enum(['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff', 'original'], {
        description: "Output format. Default: original, the uploaded file's; JPEG where that is HEIC.",
      }),
    ),
    quality: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description:
          'JPEG, WebP (default 80) and AVIF (50): encoder quality. PNG: below 100 the colours are reduced to a palette. GIF and TIFF: no effect.',
      }),
    ),
    lossless: Type.Optional(Type.Boolean({ description: 'WebP and AVIF: keep every pixel.' })),
    effort: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10,
        description: 'CPU effort for a smaller file: PNG and GIF 1–10, WebP 0–6, AVIF 0–9.',
      }),
    ),
    rotate: Type.Optional(
      Type.Integer({ minimum: -360, maximum: 360, description: 'Clockwise turn after crop, in degrees.' }),
    ),
    flip: Type.Optional(Type.Boolean({ description: 'Mirror top to bottom, before rotate.' })),
    flop: Type.Optional(Type.Boolean({ description: 'Mirror left to right, before rotate.' })),
    trim: Type.Optional(
      Type.Union([
        Type.Boolean(),
        Type.Object(
          {
            threshold: Type.Optional(
              Type.Number({
                minimum: 0,
                maximum: 255,
                description: 'Allowed difference, 0–255. Default: 10.',
              }),
            ),
            background: Type.Optional(colour("What is cut off. Default: the top-left pixel's colour")),
          },
          { additionalProperties: false, description: 'Cut borders of one colour.' },
        ),
      ]),
    ),
    crop: Type.Optional(
      Type.Object(
        {
          left: pixels('Left edge', 0, 65_534),
          top: pixels('Top edge', 0, 65_534),
          width: pixels('Width of the part', 1, 65_535),
          height: pixels('Height of the part', 1, 65_535),
        },
        { additionalProperties: false, description: 'The part of the upright image to use.' },
      ),
    ),
    blur: Type.Optional(
      Type.Union([
        Type.Boolean(),
        Type.Number({ minimum: 0.3, maximum: 1000, description: 'Sigma of the Gaussian, in output pixels.' }),
      ]),
    ),
    sharpen: Type.Optional(
      Type.Union([
        Type.Boolean(),
        Type.Object(
          {
            sigma: Type.Number({
              minimum: 0.000001,
              maximum: 10,
              description: 'Sigma of the Gaussian mask, in output pixels.',
            }),
          },
          { additionalProperties: false },
        ),
      ]),
    ),
    grayscale: Type.Optional(Type.Boolean({ description: 'Take the colours out.' })),
    withoutEnlargement: Type.Optional(Type.Boolean({ description: 'Never scale up. Default: true.' })),
    keepMetadata: Type.Optional(
      Type.Boolean({ description: 'Keep EXIF and XMP, never the place or the orientation. Default: false.' }),
    ),
    page: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 99_999,
        description: 'The frame or page to use, from 0. Default: 0.',
      }),
    ),
    animated: Type.Optional(Type.Boolean({ description: 'GIF and WebP: keep every frame. Default: false.' })),
  },
  { additionalProperties: false },
);

/** One rendition's options as a client sends them. */
export type RenditionOptions = Static<typeof RenditionOptionsSchema>;
