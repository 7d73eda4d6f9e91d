import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ended, formOf, type ProblemBody, type Uploaded, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { plain } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';
import { bombs } from './bombs.js';
import { fixtures } from './fixtures.js';
import * as heic from './heic.js';
import { mutate } from './mutate.js';
import { seeded } from './random.js';

const service = await startService(t, { env: { MAX_INPUT_PIXELS: '4000000', JOB_ATTEMPTS: '1' } });
const api = await openApi(service.url);

/** What the service says of a file that is uploaded for a rendition. */
async function outcomeOf(file: Buffer, filename: string): Promise<string> {
  const { status, body } = await upload<Uploaded & ProblemBody>(api, file, {
    filename,
    renditions: [{ width: 16, format: 'webp' }],
  });
  if (status !== 202) return `${status} ${body.code}`;
  const job = await ended(api, body.job);
  return job.state === 'completed' ? 'image' : `${job.error?.status} ${job.error?.code}`;
}

t.test('damaged files and bombs end well over HTTP, and the worker lives', async (t) => {
  const outcomes: Record<string, number> = {};
  const files: { name: string; bytes: Buffer }[] = [...(await bombs())];
  for (const { name, bytes } of await fixtures()) {
    files.push({ name, bytes });
    for (let index = 0; index < 4; index++) {
      files.push({ name: `${name} ${index}`, bytes: mutate(bytes, seeded('http', name, index)) });
    }
  }
  for (const { name, bytes } of files) {
    const outcome = await outcomeOf(bytes, 'picture.jpg');
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (!/^(image|4\d\d [A-Z_]+|503 DECODER_OUT_OF_MEMORY)$/.test(outcome)) t.fail(`${name}: ${outcome}`);
  }
  t.comment(JSON.stringify(outcomes));
  t.ok((outcomes['image'] ?? 0) > 16);
  t.notMatch(service.output(), /worker process died/);
  t.same(await filesLeft(service), [], 'nothing stays half done');
});

t.test('what hangs behind a picture is in none of its renditions', async (t) => {
  const zip = 'PK\x03\x04\x0a\0\0\0\0\0 hidden.txt PK\x05\x06';
  const page = '<html><script>alert(document.domain)</script></html>';
  const jpeg = await plain(60, 40).jpeg().toBuffer();
  const png = await plain(60, 40).png().toBuffer();
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, page.length + 2]), Buffer.from(page)]);
  const files = {
    'JPEG and ZIP': Buffer.concat([jpeg, Buffer.from(zip, 'latin1')]),
    'JPEG and HTML': Buffer.concat([jpeg, Buffer.from(page)]),
    'JPEG and JavaScript': Buffer.concat([jpeg, Buffer.from(`*/=1;${page}`)]),
    'JPEG with HTML as its comment': Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]),
    'PNG and ZIP': Buffer.concat([png, Buffer.from(zip + page, 'latin1')]),
    'HEIC and HTML': Buffer.concat([heic.heicQuarters(), Buffer.from(zip + page, 'latin1')]),
  };
  for (const [name, file] of Object.entries(files)) {
    for (const keepMetadata of [false, true]) {
      const { renditions } = await uploadAndWait(api, file, { renditions: [{ width: 30, keepMetadata }] });
      for (const { url } of renditions) {
        const made = Buffer.from(await (await fetch(service.url + url)).arrayBuffer()).toString('latin1');
        t.notMatch(made, /hidden\.txt|<script|alert\(/, name);
      }
    }
  }
});

t.test('originals come as attachments, renditions inline, and neither may do anything', async (t) => {
  const { image, renditions } = await uploadAndWait(api, await plain(50, 40).png().toBuffer(), {
    filename: 'page.html',
    presets: ['thumbnail'],
  });
  const kinds = [
    [`/v1/images/${image.id}/content`, /^attachment; filename=page.html$/, 'image/png'],
    [renditions[0]?.url ?? '', /^inline/, 'image/webp'],
  ] as const;
  for (const [path, disposition, type] of kinds) {
    const { headers } = await fetch(service.url + path);
    t.match(headers.get('content-disposition'), disposition);
    t.equal(headers.get('content-type'), type, 'by its bytes, never by its name');
    t.equal(headers.get('x-content-type-options'), 'nosniff');
    t.equal(headers.get('content-security-policy'), "default-src 'none'; sandbox");
  }
});

t.test('types and extensions that lie say nothing', async (t) => {
  const webp = await plain(30, 20).webp().toBuffer();
  const response = await fetch(`${service.url}/v1/images?filename=photo.jpg`, {
    method: 'POST',
    headers: { 'content-type': 'image/heif' },
    body: new Uint8Array(webp),
  });
  t.match(await response.json(), { image: { contentType: 'image/webp', filename: 'photo.jpg' } });
});

t.test('documents under the names of pictures', async (t) => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
  const files = {
    SVG: svg,
    'SVG with a prologue': `<?xml version="1.0"?>\n<!-- a picture -->${svg}`,
    'packed SVG': Buffer.from('\x1f\x8b\x08\0\0\0\0\0', 'latin1'),
    MVG: "push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'https://127.0.0.1/'\npop graphic-context",
    MSL: '<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    PDF: '%PDF-1.7\n1 0 obj << >> endobj\n%%EOF',
    PostScript: '%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file',
    'PostScript behind a DOS head': Buffer.from('\xc5\xd0\xd3\xc6\x1e\0\0\0%!PS', 'latin1'),
    'a list of files': '@/etc/passwd',
    'libvips’ own format': Buffer.from('\x08\xf2\xa6\xb6\0\0\0\x09', 'latin1'),
  };
  for (const [name, file] of Object.entries(files)) {
    for (const filename of ['a.jpg', 'a.png', 'svg:a.heic']) {
      t.match(await outcomeOf(Buffer.from(file), filename), '415 MEDIA_TYPE_UNSUPPORTED', name);
    }
  }
});

t.test('names of files are names, never paths, and break no header', async (t) => {
  const names = [
    '../../../etc/passwd',
    '..\\..\\windows\\system.ini',
    '/etc/cron.d/job.png',
    'C:\\boot.ini',
    'nul\0byte.png',
    'line\r\nSet-Cookie: a=b.png',
    'quo"te\'s;.png',
    'right\u202egnp.exe',
    `${'long'.repeat(1250)}.png`,
    '.htaccess',
    '...',
    'ürün 写真.png',
    '%2e%2e%2fescaped.png',
  ];
  for (const name of names) {
    // As a query: forms escape some of these themselves.
    const query = new URLSearchParams({ filename: name });
    const response = await fetch(`${service.url}/v1/images?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(await plain(9, 9).png().toBuffer()),
    });
    const label = JSON.stringify(name.slice(0, 40));
    if (response.status === 400) {
      t.match(await response.json(), { code: 'VALIDATION_FAILED' }, label);
      continue;
    }
    t.equal(response.status, 201, label);
    const { image }: Uploaded = JSON.parse(await response.text());
    t.notMatch(image.filename, /[/\\\p{Cc}\u202e]|^\./u, label);
    t.ok(Buffer.byteLength(image.filename) <= 255, label);
    const { headers } = await fetch(`${service.url}/v1/images/${image.id}/content`);
    t.match(headers.get('content-disposition'), /^attachment(; filename[*]?=[^\r\n]+)+$/, label);
    t.equal(headers.get('set-cookie'), null, label);
  }
  const form = await fetch(`${service.url}/v1/images`, {
    method: 'POST',
    body: formOf(await plain(9, 9).png().toBuffer(), { filename: '../../form\u202e".png' }),
  });
  const { image }: Uploaded = JSON.parse(await form.text());
  t.notMatch(image.filename, /[/\\\u202e]|\.\./);
  const stored = await readdir(join(service.dataDir, 'store', 'originals'), { recursive: true });
  t.ok(
    stored.every((path) => /^[0-9a-f/]+$/.test(path)),
    'on the disk they are digests',
  );
});
