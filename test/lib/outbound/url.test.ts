import t from 'tap';
import { isPublicAddress } from '../../../lib/outbound/address.js';
import { urlFault } from '../../../lib/outbound/url.js';

const closed = { allowPrivateHosts: false };
const open = { allowPrivateHosts: true };
const fault = (url: string, rules = closed): string | undefined => urlFault(new URL(url), rules);

t.test('addresses that are not public, by range', async (t) => {
  for (const address of [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.254',
    '127.0.0.1',
    '127.255.255.255',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:2::1',
    '2001:10::1',
    '2001:20::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:808:808::1',
    '3fff::1',
    '4000::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '',
    'example.com',
    '1.2.3',
  ])
    t.equal(isPublicAddress(address), false, address);
  for (const address of [
    '8.8.8.8',
    '1.1.1.1',
    '168.63.129.17',
    '172.32.0.1',
    '192.169.0.1',
    '2606:4700::1111',
    '2a00::1',
  ])
    t.equal(isPublicAddress(address), true, address);
});

t.test('every spelling of a private address', async (t) => {
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '017700000001',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '0',
    '10.0.0.1',
    '0xa9.0xfe.0xa9.0xfe',
    '2852039166',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[::127.0.0.1]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::1]',
    '[2001:0:a9fe:a9fe::1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    'printer.local',
    'metadata.google.internal',
    'nas.home.arpa',
  ]) {
    t.match(fault(`http://${host}/`), /not public/, host);
    t.equal(fault(`http://${host}/`, open), undefined, `${host}, where they are allowed`);
  }
});

t.test('schemes, ports and credentials', async (t) => {
  for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'gopher://example.com/', 'javascript:1']) {
    for (const rules of [closed, open]) t.match(fault(url, rules), /takes http/, url);
  }
  for (const url of [
    'http://user@example.com/',
    'http://user:secret@example.com/',
    'https://:x@example.com/',
  ]) {
    for (const rules of [closed, open]) t.match(fault(url, rules), /credentials/, url);
  }
  for (const port of [22, 25, 3000, 5432, 6379, 8080]) {
    t.match(fault(`http://example.com:${port}/`), /takes 80 or 443/);
    t.equal(fault(`http://example.com:${port}/`, open), undefined);
  }
  for (const url of [
    'http://example.com/',
    'https://example.com/a?b#c',
    'http://example.com:443/',
    'https://8.8.8.8/',
  ])
    t.equal(fault(url), undefined, url);
});
