import t from 'tap';
import { Problem } from '../../../lib/errors.js';
import { parseRenditionOptions, parseRenditionQuery } from '../../../lib/renditions/options.js';

/** The paths and messages of the refusal, or what was accepted. */
function refusal(parse: () => unknown): string[] {
  try {
    return [`accepted ${JSON.stringify(parse())}`];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    t.match({ code: error.code, status: error.status }, { code: 'VALIDATION_FAILED', status: 400 });
    return (error.errors ?? []).map(({ path, message }) => `${path} ${message}`);
  }
}

const json = (value: unknown): string[] => refusal(() => parseRenditionOptions(value, 'renditions.0'));

t.test('every option is accepted in its whole range', async (t) => {
  const accepted = [
    {},
    {
      name: 'hero_1.x-2',
      width: 1,
      height: 16_384,
      fit: 'outside',
      position: 'right top',
      background: 'hsl(9, 9%, 9%)',
    },
    { format: 'webp', quality: 1, lossless: true, effort: 0, rotate: -360, flip: true, flop: false },
    { trim: true, crop: { left: 0, top: 0, width: 1, height: 1 }, blur: 0.3, sharpen: true, grayscale: true },
    { trim: { threshold: 255, background: 'white' }, blur: true, sharpen: { sigma: 10 }, page: 0 },
    { withoutEnlargement: false, keepMetadata: true, animated: true, format: 'gif', effort: 10, rotate: 180 },
    {
      format: 'original',
      lossless: true,
      effort: 9,
      quality: 100,
      width: 9,
      height: 9,
      position: 'attention',
    },
    { trim: false, blur: false, sharpen: false, format: 'jpeg', lossless: false },
  ];
  for (const options of accepted) t.same(parseRenditionOptions(options, ''), options);
});

t.test('what is out of range is refused by its path, with what it got and what it takes', async (t) => {
  const cases: readonly [object, string, RegExp][] = [
    [{ width: '512' }, 'width', /"512".*integer/],
    [{ width: 0 }, 'width', /0.*>= 1/],
    [{ width: 100_000 }, 'width', /100000.*<= 16384/],
    [{ width: 1.5 }, 'width', /1.5.*integer/],
    [{ width: Number.NaN }, 'width', /integer/],
    [{ height: -1 }, 'height', /-1/],
    [{ quality: 101 }, 'quality', /101.*<= 100/],
    [{ quality: 0 }, 'quality', />= 1/],
    [{ fit: 'crop' }, 'fit', /"crop".*"cover", "contain"/],
    [{ position: 'middle' }, 'position', /one of/],
    [{ format: 'bmp' }, 'format', /"jpeg", "png"/],
    [{ colour: 'red' }, 'colour', /not known.*width/],
    [{ name: 'a b' }, 'name', /pattern/],
    [{ name: '' }, 'name', /pattern/],
    [{ rotate: 361 }, 'rotate', /<= 360/],
    [{ crop: { left: 0, top: 0, width: 1 } }, 'crop.height', /missing/],
    [{ crop: { left: -1, top: 0, width: 1, height: 1 } }, 'crop.left', />= 0/],
    [{ blur: 0.1 }, 'blur', /0.1.*>= 0.3/],
    [{ blur: 1001 }, 'blur', /<= 1000/],
    [{ sharpen: {} }, 'sharpen.sigma', /missing/],
    [{ sharpen: { sigma: 11 } }, 'sharpen.sigma', /<= 10/],
    [{ trim: { threshold: 256 } }, 'trim.threshold', /<= 255/],
    [{ trim: { background: 'nope' } }, 'trim.background', /"nope".*colour/],
    [{ background: 'nope' }, 'background', /"nope".*colour/],
    [{ background: 'constructor' }, 'background', /colour/],
    [{ background: '#12345' }, 'background', /colour/],
    [{ page: -1 }, 'page', />= 0/],
    [{ flip: 'true' }, 'flip', /boolean/],
    [{ effort: 11 }, 'effort', /<= 10/],
    [{ effort: 4, format: 'jpeg' }, 'effort', /png, webp, avif, gif, not jpeg/],
    [{ effort: 0, format: 'png' }, 'effort', /1 to 10/],
    [{ effort: 7, format: 'webp' }, 'effort', /0 to 6/],
    [{ effort: 10, format: 'avif' }, 'effort', /0 to 9/],
    [{ effort: 0, format: 'gif' }, 'effort', /1 to 10/],
    [{ lossless: true, format: 'jpeg' }, 'lossless', /webp, avif, not jpeg/],
    [{ animated: true, format: 'png' }, 'animated', /webp, gif, not png/],
    [{ animated: true, page: 1 }, 'page', /animated/],
    [{ animated: true, rotate: 90 }, 'rotate', /180/],
    [{ animated: true, trim: true }, 'trim', /animated/],
    [{ animated: true, width: 9, height: 9, position: 'entropy' }, 'position', /animated/],
    [{ width: 9, height: 9, fit: 'contain', position: 'attention' }, 'position', /cover/],
  ];
  for (const [options, path, message] of cases) {
    const [first = '', ...others] = json(options);
    t.match(first, new RegExp(`^renditions\\.0\\.${path.replaceAll('.', '\\.')} `), JSON.stringify(options));
    t.match(first, message);
    t.same(others, [], 'and nothing else is said');
  }
  for (const value of [null, [], 'x', 5]) t.match(json(value), [/^renditions\.0 is .*object/]);
});

t.test('every wrong field is named at once', async (t) => {
  t.match(json({ width: 0, quality: 101, colour: 1 }).sort(), [/0\.colour/, /0\.quality/, /0\.width/]);
  t.match(json({ effort: 7, format: 'webp', background: 'nope' }), [/background/, /effort/]);
});

t.test('a flat query says the same', async (t) => {
  const query = {
    width: '512',
    format: 'webp',
    flip: 'true',
    keepMetadata: 'false',
    blur: '1.5',
    'crop.left': '1',
    'crop.top': '2',
    'crop.width': '3',
    'crop.height': '4',
    trim: '{"threshold": 5}',
    sharpen: 'true',
  };
  t.same(parseRenditionQuery(query, ''), {
    width: 512,
    format: 'webp',
    flip: true,
    keepMetadata: false,
    blur: 1.5,
    crop: { left: 1, top: 2, width: 3, height: 4 },
    trim: { threshold: 5 },
    sharpen: true,
  });
  t.same(parseRenditionQuery({ blur: 'true', 'trim.threshold': '7' }, ''), {
    blur: true,
    trim: { threshold: 7 },
  });
});

t.test('a flat query is refused like a body', async (t) => {
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ width: 'NaN' }, /^width is "NaN"/],
    [{ width: '' }, /^width/],
    [{ width: '0' }, /^width is 0/],
    [{ width: '1e9' }, /^width/],
    [{ width: ['1', '2'] }, /^width/],
    [{ flip: 'yes' }, /^flip/],
    [{ 'crop.left': 'x', 'crop.top': '0', 'crop.width': '1', 'crop.height': '1' }, /^crop\.left/],
    [{ crop: '{"left":' }, /^crop is .*JSON/],
    [{ trim: 'true', 'trim.threshold': '1' }, /^trim\.threshold clashes/],
    [{ colour: 'red' }, /^colour is not known/],
    [JSON.parse('{"__proto__": "1"}'), /^__proto__ is not known/],
    [{ '__proto__.width': '1' }, /^__proto__ is not known/],
    [{ 'width.x': '1' }, /^width/],
  ];
  for (const [query, message] of cases) {
    const [first] = refusal(() => parseRenditionQuery(query, ''));
    t.match(first, message, JSON.stringify(query));
  }
});
