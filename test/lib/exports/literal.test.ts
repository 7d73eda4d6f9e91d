import t from 'tap';
import { identifier, isStorable, numberLiteral, textLiteral } from '../../../lib/exports/literal.js';
import { connect } from '../../helpers/embedded-postgres.js';
import { testDatabase } from '../../helpers/services.js';
import { nastyTexts } from './rows.js';

t.test('PostgreSQL reads every text back as it was, however it reads backslashes', async (t) => {
  const sql = connect(t, await testDatabase(t));
  for (const setting of ['on', 'off']) {
    await sql.unsafe(`set standard_conforming_strings = ${setting}`);
    for (const text of [
      ...nastyTexts,
      "\\'",
      "\\' or true --",
      "'; drop table x; --",
      "E'",
      '\\\\',
      "''",
      '\u2028',
    ]) {
      const [row] = await sql.unsafe(`select${textLiteral(text)} as text`);
      t.same(row, { text }, encodeURIComponent(text));
    }
  }
});

t.test('numbers and names too', async (t) => {
  const sql = connect(t, await testDatabase(t));
  for (const number of [0, 1, -1, 0.1, -1e-7, 2 ** 53, 1e21, Number.MAX_VALUE, -0]) {
    const [row] = await sql.unsafe(`select 0 -${numberLiteral(number)}::float8 as number`);
    t.equal(row?.['number'], 0 - number, String(number));
  }
  for (const name of ['a', 'attempts.made', 'quo"te', 'ü', "'"]) {
    t.same(Object.keys((await sql.unsafe(`select 1 as ${identifier(name)}`))[0] ?? {}), [name]);
  }
});

t.test('what PostgreSQL cannot hold is refused', async (t) => {
  for (const text of ['\0', 'a\0b', '\ud800', 'x\udc00']) {
    t.notOk(isStorable(text));
    t.throws(() => textLiteral(text), RangeError);
    t.throws(() => identifier(text), RangeError);
  }
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => numberLiteral(number), RangeError);
});
