import { Type } from 'typebox';
import type { Viewer } from '../keys/caller.js';
import { filterProperties } from '../lists/list.js';
import { assertValid, compileSchema } from '../validation.js';
import { assertCsvWishes, type CsvWishes, csvFormat, datasetIn, exportOptions } from './options.js';
import {
  type DatasetName,
  datasetNames,
  type ExportRequest,
  type ExportSort,
  exportDatasets,
  readExportRequest,
} from './request.js';
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
interface StreamQuery extends CsvWishes {
  readonly dataset: DatasetName;
  readonly format: StreamFormat['format'];
  readonly sort: ExportSort;
  readonly [name: string]: unknown;
}

const Fields = Type.Optional(
  Type.String({ description: 'Only these fields, in this order: dotted names, by commas' }),
);

/** What every query has, whatever the dataset. */
const common = {
  ...exportOptions,
  format: Type.Enum([...streamFormats], { default: 'csv', description: 'How it is written' }),
  fields: Fields,
};

/** The query of every dataset in one, for the document. */
export const streamQuerySchema = Type.Object({
  ...common,
  ...Object.assign({}, ...datasetNames.map((name) => filterProperties(exportDatasets[name]))),
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
export function readStreamQuery(query: object, viewer: Viewer): StreamRequest {
  const dataset = datasetIn(query);
  const values: unknown = { ...query };
  if (!isStreamQuery(values, dataset)) throw new Error('a query that is valid is not one');
  const request = readExportRequest(exportDatasets[dataset], values, viewer);
  return { dataset, request, format: formatOf(values) };
}

function isStreamQuery(values: unknown, dataset: DatasetName): values is StreamQuery {
  assertValid(validators[dataset], values, '');
  return true;
}

function formatOf({ format, ...wishes }: StreamQuery): StreamFormat {
  assertCsvWishes(format, wishes);
  return format === 'csv' ? csvFormat(wishes) : { format };
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
