import t from 'tap';
import { canonicalJson } from '../../../lib/canonical-json.js';
import { canonicalOptions, optionsHash, renditionId } from '../../../lib/renditions/canonical.js';
import { contentTypeOf, extensionOf } from '../../../lib/renditions/formats.js';
import type { RenditionOptions } from '../../../lib/renditions/options-schema.js';

const source = {
  contentType: 'image/jpeg',
  width: 400,
  height: 300,
  orientation: 1,
  hasAlpha: false,
  pages: 1,
};
const canonical = (options: RenditionOptions, change: Partial<typeof source> = {}) =>
  canonicalOptions(options, { ...source, ...change });

t.test('defaults are resolved', async (t) => {
  t.same(canonical({ name: 'a', width: 512 }), {
    animated: false,
    background: '#ffffffff',
    fit: 'inside',
    flip: false,
    flop: false,
    format: 'jpeg',
    grayscale: false,
    keepMetadata: false,
    lossless: false,
    page: 0,
    position: 'centre',
    quality: 80,
    rotate: 0,
    width: 512,
    withoutEnlargement: true,
  });
  t.match(canonical({ width: 9, height: 9, format: 'avif' }), {
    fit: 'cover',
    quality: 50,
    effort: 3,
    background: '#00000000',
  });
  const types = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const;
  for (const format of types) {
    t.equal(canonical({ format: 'original' }, { contentType: contentTypeOf(format) }).format, format);
  }
  t.same(types.map(extensionOf), ['jpg', 'png', 'webp', 'avif', 'gif', 'tiff']);
});

t.test('two spellings of one request are one', async (t) => {
  const pairs: readonly [RenditionOptions, RenditionOptions][] = [
    [
      { width: 10, height: 20 },
      { height: 20, name: 'x', width: 10, fit: 'cover', position: 'center' },
    ],
    [{}, { format: 'original', quality: 80, withoutEnlargement: true, keepMetadata: false, flip: false }],
    [{ format: 'jpeg' }, { format: 'original' }],
    [{ background: '#f00' }, { background: 'rgb(255, 0, 0)' }],
    [{ rotate: 90 }, { rotate: -270 }],
    [{ rotate: 180 }, { flip: true, flop: true }],
    [{ rotate: 180, flip: true }, { flop: true }],
    [{ rotate: 360 }, {}],
    [{ trim: true }, { trim: { threshold: 10 } }],
    [{ trim: false, blur: false, sharpen: false }, {}],
    [{ trim: { background: 'white' } }, { trim: { background: '#fff', threshold: 10 } }],
    [
      { width: 9, height: 9, position: 'top' },
      { width: 9, height: 9, position: 'north' },
    ],
    [
      { width: 9, fit: 'inside' },
      { width: 9, fit: 'cover', position: 'left' },
    ],
    [{ crop: { left: 1, top: 2, width: 3, height: 4 } }, { crop: { height: 4, width: 3, top: 2, left: 1 } }],
    [{ format: 'gif', quality: 10 }, { format: 'gif' }],
    [{ animated: true }, {}],
  ];
  for (const [one, other] of pairs) {
    t.equal(canonicalJson(canonical(one)), canonicalJson(canonical(other)), JSON.stringify([one, other]));
  }
});

t.test('other requests have other names', async (t) => {
  const requests: readonly RenditionOptions[] = [
    {},
    { width: 10 },
    { height: 10 },
    { width: 10, height: 10 },
    { width: 10, height: 10, fit: 'contain' },
    { width: 10, height: 10, position: 'top' },
    { width: 10, fit: 'fill' },
    { quality: 79 },
    { format: 'png' },
    { format: 'webp' },
    { format: 'webp', lossless: true },
    { format: 'webp', effort: 6 },
    { rotate: 90 },
    { flip: true },
    { flop: true },
    { trim: true },
    { trim: { threshold: 11 } },
    { blur: true },
    { blur: 1 },
    { sharpen: true },
    { sharpen: { sigma: 1 } },
    { grayscale: true },
    { withoutEnlargement: false },
    { keepMetadata: true },
    { background: 'red' },
    { page: 1 },
    { crop: { left: 0, top: 0, width: 1, height: 1 } },
  ];
  const hashes = new Set(requests.map((options) => optionsHash(canonical(options))));
  t.equal(hashes.size, requests.length);
});

t.test('names are stable', async (t) => {
  const options = canonical({ width: 10, crop: { left: 1, top: 2, width: 3, height: 4 } });
  const backwards = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(options).reverse())));
  t.equal(optionsHash(backwards), optionsHash(options), 'whatever order a database gives them back in');
  t.match(optionsHash(options), /^[0-9a-f]{32}$/);
  const id = renditionId('ab'.repeat(32), options);
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'RFC 9562, version 8');
  t.equal(renditionId('ab'.repeat(32), backwards), id);
  t.not(renditionId('cd'.repeat(32), options), id, 'another original');
  t.not(renditionId('ab'.repeat(32), canonical({ width: 11 })), id, 'other options');
  // Ids are handed out: a change of this value breaks every rendition that stands.
  t.equal(renditionId('ab'.repeat(32), canonical({ width: 512 })), '5861f3a8-d3fd-88f4-be2a-11aefa37f99f');
});

t.test('what the original’s own format cannot do', async (t) => {
  const refused: readonly [RenditionOptions, string, string][] = [
    [{ lossless: true }, 'image/jpeg', 'renditions.1.lossless'],
    [{ effort: 5 }, 'image/jpeg', 'renditions.1.effort'],
    [{ effort: 9 }, 'image/webp', 'renditions.1.effort'],
    [{ animated: true }, 'image/tiff', 'renditions.1.animated'],
  ];
  for (const [options, contentType, path] of refused) {
    t.throws(() => canonicalOptions(options, { ...source, contentType, pages: 3 }, 'renditions.1'), {
      code: 'OPTIONS_UNPROCESSABLE',
      status: 422,
      errors: [{ path }],
    });
  }
  t.throws(() => canonical({}, { contentType: 'image/bmp' }), { code: 'OPTIONS_UNPROCESSABLE' });
  t.match(canonical({ animated: true }, { contentType: 'image/gif', pages: 3 }), { animated: true });
});
