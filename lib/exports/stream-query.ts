import { Type } from 'typebox';
import { invalidField } from '../errors.js';
import { filterProperties } from '../lists/list.js';
import { assertValid, compileSchema, show } from '../validation.js';
import {
  type DatasetName,
  datasetNames,
  type ExportRequest,
  type ExportSort,
  exportDatasets,
  readExportRequest,
} from './request.js';
import { type CsvDelimiter, csvDelimiters } from './statement.js';
import type { StreamFormat } from './stream.js';

/** The formats that are streamed. */
export const streamFormats = ['csv', 'ndjson', 'json'] as const satisfies StreamFormat['format'][];

/** What a streamed export is asked for. */
export interface StreamRequest {
  readonly dataset: DatasetName;
  readonly request: ExportRequest;
  readonly format: StreamFormat;
}

/** A query that has passed its dataset's schema. */
interface StreamQuery {
  readonly dataset: DatasetName;
  readonly format: StreamFormat['format'];
  readonly sort: ExportSort;
  readonly bom?: boolean;
  readonly delimiter?: CsvDelimiter;
  readonly formulaGuard?: boolean;
  readonly [name: string]: unknown;
}

const Fields = Type.Optional(
  Type.String({ description: 'Only these fields, in this order: dotted names, by commas' }),
);

/** What every query has, whatever the dataset. */
const common = {
  dataset: Type.Enum([...datasetNames], { description: 'What to export' }),
  format: Type.Enum([...streamFormats], { default: 'csv', description: 'How it is written' }),
  fields: Fields,
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

/** The query of every dataset in one, for the document. */
export const streamQuerySchema = Type.Object({
  ...common,
  ...Object.assign({}, ...datasetNames.map((name) => described(name))),
});

const validators = {
  images: compileSchema(querySchema('images'), 'coercing'),
  renditions: compileSchema(querySchema('renditions'), 'coercing'),
  jobs: compileSchema(querySchema('jobs'), 'coercing'),
} satisfies Record<DatasetName, unknown>;

/**
 * Reads the query of a streamed export.
 *
 * @param query as the client sent it
 * @throws Problem VALIDATION_FAILED or FIELD_UNKNOWN (400): it names what is wrong and lists what is known
 */
export function readStreamQuery(query: object): StreamRequest {
  const named = 'dataset' in query ? query.dataset : undefined;
  const dataset = datasetNames.find((name) => name === named);
  if (!dataset) {
    const known = `it takes one of ${datasetNames.map(show).join(', ')}`;
    throw invalidField(
      'dataset',
      named === undefined ? `is missing; ${known}` : `is ${show(named)}; ${known}`,
    );
  }
  const values: unknown = { ...query };
  if (!isStreamQuery(values, dataset)) throw new Error('a query that is valid is not one');
  const request = readExportRequest(exportDatasets[dataset], values);
  return { dataset, request, format: formatOf(values) };
}

function isStreamQuery(values: unknown, dataset: DatasetName): values is StreamQuery {
  assertValid(validators[dataset], values, '');
  return true;
}

function formatOf({ format, bom, delimiter, formulaGuard }: StreamQuery): StreamFormat {
  if (format === 'csv') {
    return { format, bom: bom ?? false, delimiter: delimiter ?? ',', formulaGuard: formulaGuard ?? true };
  }
  for (const [name, value] of Object.entries({ bom, delimiter, formulaGuard })) {
    if (value !== undefined) throw invalidField(name, `is an option of csv; the format is ${format}`);
  }
  return { format };
}

function querySchema(dataset: DatasetName) {
  const query = Type.Object(
    { ...common, ...filterProperties(exportDatasets[dataset]) },
    { additionalProperties: false },
  );
  // JSON:API's spelling, as in lists.
  Object.assign(query.properties, { [`fields[${dataset}]`]: Fields });
  return query;
}

/** The filters of a dataset as the document shows them, beside those of the others. */
function described(dataset: DatasetName) {
  return filterProperties(exportDatasets[dataset]);
}
