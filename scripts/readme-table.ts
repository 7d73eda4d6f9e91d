import { readFile, writeFile } from 'node:fs/promises';
import { configurationTable } from '../lib/config.js';

/** Writes the configuration table into the README, from the definitions that the service reads. */
const readme = new URL('../../README.md', import.meta.url);
const text = await readFile(readme, 'utf8');
const between = /(<!-- configuration -->)[\s\S]*(<!-- \/configuration -->)/;
await writeFile(
  readme,
  text.replace(between, (_, open, close) => `${open}\n${configurationTable()}\n${close}`),
);
