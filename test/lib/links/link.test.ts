import t from 'tap';
import { formatLink, isSignedWith, type Link, parseLink } from '../../../lib/links/link.js';

const key = { id: 7, secret: Buffer.alloc(32, 1) };
const link: Link = {
  path: '/v1/images/0198c0de-0000-7000-8000-000000000000/content',
  tenantId: 'acme',
  expiresAt: new Date('2030-01-02T03:04:05Z'),
  download: false,
};

function read(url: string) {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  return parseLink(pathname, searchParams);
}

t.test('a link says what was signed', async (t) => {
  for (const each of [link, { ...link, download: true }]) {
    const claimed = read(formatLink(each, key));
    t.match(claimed, { link: each, keyId: 7 });
    t.ok(claimed && isSignedWith(claimed, key));
    t.notOk(claimed && isSignedWith(claimed, { ...key, secret: Buffer.alloc(32, 2) }));
  }
});

t.test('whatever is changed of it, it is no longer signed', async (t) => {
  const url = formatLink({ ...link, download: true }, key);
  for (const [from, to] of [
    ['images', 'exports'],
    ['0000/content', '0001/content'],
    ['acme', 'acmf'],
    ['download=1&', ''],
    [/expires=\d/, 'expires=9'],
    [/signature=./, 'signature=_'],
    [/signature=[\w-]+/, 'signature='],
    [/(signature=[\w-]+)/, '$1AA'],
  ] as const) {
    const changed = url.replace(from, to);
    t.not(changed, url);
    const claimed = read(changed);
    t.ok(claimed, changed);
    t.notOk(claimed && isSignedWith(claimed, key), changed);
  }
});

t.test('what is no link', async (t) => {
  const url = formatLink(link, key);
  for (const changed of [
    `${url}&width=1`,
    `${url}&tenant=other`,
    url.replace(/&tenant=acme/, ''),
    url.replace(/&key=7/, ''),
    url.replace(/&key=7/, '&key=1e3'),
    url.replace(/&key=7/, '&key=-7'),
    url.replace(/expires=\d+/, 'expires=9999999999999'),
    url.replace(/expires=\d+/, 'expires='),
    url.replace(/&signature=[\w-]+/, ''),
    url.replace('?', '?download=2&'),
  ])
    t.equal(read(changed), undefined, changed);
});
