import { Type } from 'typebox';
import { invalidField } from '../errors.js';
import { show } from '../validation.js';
import { type DatasetName, datasetNames } from './request.js';
import { type CsvDelimiter, csvDelimiters } from './statement.js';
import type { StreamFormat } from './stream.js';

/** How a CSV is to be written, as it is asked for; what is absent has its default. */
export interface CsvWishes {
  readonly bom?: boolean;
  readonly delimiter?: CsvDelimiter;
  readonly formulaGuard?: boolean;
}

/** What every way of asking for an export takes, as schemas. */
export const exportOptions = {
  dataset: Type.Enum([...datasetNames], { description: 'What to export' }),
  sort: Type.Enum(['createdAt', '-createdAt'], {
    default: '-createdAt',
    description: 'Order; - is descending',
  }),
  bom: Type.Optional(Type.Boolean({ description: 'csv: begin with a byte order mark, for spreadsheets' })),
  delimiter: Type.Optional(
    Type.Enum([...csvDelimiters], { description: 'csv: what stands between the cells; a comma by default' }),
  ),
  formulaGuard: Type.Optional(
    Type.Boolean({
      description:
        'csv: put an apostrophe before text that a spreadsheet would run as a formula; on by default',
    }),
  ),
};

/**
 * The dataset that a query or body names: what else it may hold depends on it.
 *
 * @throws Problem VALIDATION_FAILED (400) that lists the known ones
 */
export function datasetIn(given: object): DatasetName {
  const named = 'dataset' in given ? given.dataset : undefined;
  const dataset = datasetNames.find((name) => name === named);
  if (dataset) return dataset;
  const known = `it takes one of ${datasetNames.map(show).join(', ')}`;
  throw invalidField('dataset', named === undefined ? `is missing; ${known}` : `is ${show(named)}; ${known}`);
}

/** @throws Problem VALIDATION_FAILED (400) where another format than CSV is given an option of CSV */
export function assertCsvWishes(format: string, wishes: CsvWishes): void {
  for (const name of ['bom', 'delimiter', 'formulaGuard'] as const) {
    if (wishes[name] !== undefined && format !== 'csv')
      throw invalidField(name, `is an option of csv; the format is ${format}`);
  }
}

/** CSV as it is asked for. */
export function csvFormat({ bom = false, delimiter = ',', formulaGuard = true }: CsvWishes) {
  return { format: 'csv', bom, delimiter, formulaGuard } as const satisfies StreamFormat;
}
