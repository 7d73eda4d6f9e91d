import * as zlib from 'node:zlib';
import { Type } from 'typebox';
import { invalidField } from '../errors.js';
import type { Viewer } from '../keys/caller.js';
import { type FilterValue, filterProperties } from '../lists/list.js';
import { type NotifyOptions, NotifySchema } from '../notifications/notify-options.js';
import { assertValid, compileSchema } from '../validation.js';
import { type ExportCompression, type ExportFormat, exportCompressions, exportFormats } from './format.js';
import { assertCsvWishes, type CsvWishes, datasetIn, exportOptions } from './options.js';
import {
  type DatasetName,
  datasetNames,
  type ExportRequest,
  type ExportSort,
  exportDatasets,
  readExportRequest,
} from './request.js';

/** What an export job is asked for: the body of `POST /v1/exports`, checked, as its row keeps it. */
export interface ExportBody extends CsvWishes {
  readonly dataset: DatasetName;
  readonly format: ExportFormat;
  readonly compression: ExportCompression;
  readonly sort: ExportSort;
  /** Dotted names in the asked order; absent: the resource's own fields. */
  readonly fields?: readonly string[];
  readonly filter?: Readonly<Record<string, FilterValue>>;
  /** Who is told of its end. */
  readonly notify?: NotifyOptions;
}

const properties = {
  ...exportOptions,
  format: Type.Enum([...exportFormats], {
    description: 'How it is written. `zip` packs the files of images or renditions, with a manifest',
  }),
  compression: Type.Enum([...exportCompressions], {
    default: 'none',
    description: 'csv, ndjson, json: how the file is packed',
  }),
  fields: Type.Optional(
    Type.Array(Type.String(), { minItems: 1, description: 'Only these fields, in this order: dotted names' }),
  ),
  notify: Type.Optional(NotifySchema),
};

/** The body as the document shows it; which filters there are depends on the dataset. */
export const exportBodySchema = Type.Object({
  ...properties,
  filter: Type.Optional(
    Type.Object(Object.assign({}, ...datasetNames.map((name) => filterProperties(exportDatasets[name])))),
  ),
});

function validatorOf(dataset: DatasetName) {
  const filter = Type.Object(filterProperties(exportDatasets[dataset]), { additionalProperties: false });
  const body = Type.Object({ ...properties, filter: Type.Optional(filter) }, { additionalProperties: false });
  return compileSchema(body, 'strict');
}

const validators = {
  images: validatorOf('images'),
  renditions: validatorOf('renditions'),
  jobs: validatorOf('jobs'),
} satisfies Record<DatasetName, unknown>;

/**
 * Reads the body of an export.
 *
 * @throws Problem VALIDATION_FAILED or FIELD_UNKNOWN (400): it names what is wrong and lists what is known
 */
export function readExportBody(body: unknown, viewer: Viewer): ExportBody {
  const given = typeof body === 'object' && body !== null ? { ...body } : {};
  const dataset = datasetIn(given);
  if (!isExportBody(given, dataset)) throw new Error('a body that is valid is not one');
  assertOptionsFit(given);
  // What only shows when it is read, such as an unknown field: now, not in the job.
  requestOf(given, viewer);
  return given;
}

/** What the export of a body holds; what its asker may not see is unknown. */
export function requestOf({ dataset, fields, filter, sort }: ExportBody, viewer: Viewer): ExportRequest {
  return readExportRequest(
    exportDatasets[dataset],
    { ...filter, ...(fields && { fields: fields.join(',') }), sort },
    viewer,
    'filter.',
  );
}

function isExportBody(body: object, dataset: DatasetName): body is ExportBody {
  assertValid(validators[dataset], body, '');
  return true;
}

function assertOptionsFit({ dataset, format, compression, fields, ...wishes }: ExportBody): void {
  assertCsvWishes(format, wishes);
  const isText = format === 'csv' || format === 'ndjson' || format === 'json';
  if (compression !== 'none' && !isText)
    throw invalidField('compression', `is an option of csv, ndjson and json; ${format} is packed by itself`);
  if (compression === 'zstd' && !('createZstdCompress' in zlib))
    throw invalidField('compression', `is "zstd", which Node ${process.versions.node} here cannot write`);
  if (format !== 'zip') return;
  if (dataset === 'jobs')
    throw invalidField(
      'format',
      'is "zip", which packs files; jobs have none. It takes images or renditions',
    );
  if (fields)
    throw invalidField('fields', 'are for rows; a zip packs files, and its manifest has fixed columns');
}
