import t from 'tap';
import {
  type Conditions,
  evaluateConditions,
  ifRangeMatches,
  isModifiedSince,
  matchesIfMatch,
  matchesIfNoneMatch,
} from '../../../lib/http/conditional.js';

// The example of RFC 9110 §5.6.7 in its three forms; the file was written half a second later.
const fixdate = 'Sun, 06 Nov 1994 08:49:37 GMT';
const lastModified = new Date('1994-11-06T08:49:37.500Z');
const earlier = 'Sun, 06 Nov 1994 08:49:36 GMT';

t.test('strong and weak comparison, as the table of RFC 9110 §8.8.3.2 has them', async (t) => {
  const table = [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
  ] as const;
  for (const [one, other, strong, weak] of table) {
    t.equal(matchesIfMatch(one, other), strong, `${one} ${other} strong`);
    t.equal(matchesIfNoneMatch(one, other), weak, `${one} ${other} weak`);
  }
});

t.test('lists and *, as the examples of RFC 9110 §13.1 have them', async (t) => {
  const list = '"xyzzy", "r2d2xxxx", "c3piozzzz"';
  t.ok(matchesIfMatch(list, '"r2d2xxxx"'));
  t.ok(matchesIfNoneMatch(list, '"c3piozzzz"'));
  t.ok(matchesIfNoneMatch('W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz"', '"r2d2xxxx"'));
  t.notOk(matchesIfNoneMatch(list, '"r2d2"'));
  t.ok(matchesIfMatch(' * ', '"any"'));
  t.ok(matchesIfNoneMatch('*', 'W/"any"'));
});

t.test('a list may be untidy, a tag may hold commas and spaces need not be', async (t) => {
  t.ok(matchesIfNoneMatch(', "a" ,,\t"b,c","d"', '"b,c"'));
  t.ok(matchesIfNoneMatch('"a","d"', '"d"'));
  t.ok(matchesIfNoneMatch('""', '""'));
  t.notOk(matchesIfNoneMatch('"a, "b"', '"b"'), 'an open quote hides what follows');
});

t.test('what is no tag matches nothing', async (t) => {
  for (const header of [undefined, '', 'a', "'a'", '"a', 'a"', 'w/"a"', 'W/a', 'x"a"', '"a"x', '**']) {
    t.notOk(matchesIfNoneMatch(header, '"a"'), String(header));
    t.notOk(matchesIfMatch(header, '"a"'), String(header));
  }
  t.notOk(matchesIfNoneMatch('*', undefined), '* needs something to be there');
  t.notOk(matchesIfMatch('*', undefined));
});

t.test('dates in all three forms, to the second', async (t) => {
  for (const date of [fixdate, 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
    t.notOk(isModifiedSince(date, lastModified), date);
    t.ok(ifRangeMatches(date, '"a"', lastModified), date);
  }
  t.ok(isModifiedSince(earlier, lastModified));
  t.notOk(isModifiedSince('Sun, 06 Nov 1994 08:49:38 GMT', lastModified));
});

t.test('what is no HTTP-date is ignored', async (t) => {
  for (const date of [
    '',
    '0',
    '2099',
    '2099-01-01T00:00:00Z',
    'Sun, 06 Nov 2099 08:49:37',
    'Sun, 06 Nov 2099 99:99:99 GMT',
    '4070908800000',
  ]) {
    t.ok(isModifiedSince(date, lastModified), date);
    t.notOk(ifRangeMatches(date, '"a"', lastModified), date);
  }
  t.ok(isModifiedSince(undefined, lastModified));
  t.ok(isModifiedSince(fixdate, undefined));
});

t.test('If-Range takes a strong tag or the exact date', async (t) => {
  t.ok(ifRangeMatches(undefined, '"a"', lastModified), 'without the header the range stands');
  t.ok(ifRangeMatches('"a"', '"a"'));
  t.notOk(ifRangeMatches('"b"', '"a"'));
  t.notOk(ifRangeMatches('W/"a"', 'W/"a"'), 'weak never');
  t.notOk(ifRangeMatches('"a", "b"', '"a"'), 'no list');
  t.notOk(ifRangeMatches('*', '"a"'));
  t.notOk(ifRangeMatches('Sun, 06 Nov 1994 08:49:38 GMT', '"a"', lastModified), 'a later date is not exact');
  t.notOk(ifRangeMatches(fixdate, '"a"'));
});

t.test('the order of RFC 9110 §13.2.2', async (t) => {
  const given = (conditions: Partial<Conditions>) =>
    evaluateConditions({ method: 'GET', headers: {}, etag: '"a"', lastModified, ...conditions });

  t.equal(given({}), 'proceed');
  t.equal(given({ headers: { 'if-match': '"b"' } }), 'precondition-failed', '1');
  t.equal(
    given({ headers: { 'if-match': '"b"', 'if-none-match': '"a"' } }),
    'precondition-failed',
    '1 first',
  );
  t.equal(
    given({ headers: { 'if-match': '*' }, etag: undefined }),
    'precondition-failed',
    'nothing to match',
  );
  t.equal(given({ headers: { 'if-unmodified-since': earlier } }), 'precondition-failed', '2');
  t.equal(given({ headers: { 'if-unmodified-since': fixdate } }), 'proceed');
  t.equal(given({ headers: { 'if-unmodified-since': 'junk' } }), 'proceed');
  t.equal(given({ headers: { 'if-match': '"a"', 'if-unmodified-since': earlier } }), 'proceed', '1 hides 2');
  t.equal(given({ headers: { 'if-match': '"a"', 'if-none-match': '"a"' } }), 'not-modified', '1 then 3');
  t.equal(given({ headers: { 'if-none-match': 'W/"a"' } }), 'not-modified', '3');
  t.equal(given({ headers: { 'if-none-match': '*' }, method: 'HEAD' }), 'not-modified');
  t.equal(given({ headers: { 'if-none-match': '*' }, method: 'PUT' }), 'precondition-failed');
  t.equal(
    given({ headers: { 'if-none-match': '*' }, method: 'PUT', etag: undefined }),
    'proceed',
    'create only',
  );
  t.equal(
    given({ headers: { 'if-none-match': '"b"', 'if-modified-since': fixdate } }),
    'proceed',
    '3 hides 4',
  );
  t.equal(given({ headers: { 'if-modified-since': fixdate } }), 'not-modified', '4');
  t.equal(given({ headers: { 'if-modified-since': earlier } }), 'proceed');
  t.equal(
    given({ headers: { 'if-modified-since': fixdate }, method: 'DELETE' }),
    'proceed',
    '4 is for reading',
  );
});
