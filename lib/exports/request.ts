import { datasetFor } from '../audit.js';
import { invalidField } from '../errors.js';
import { isUuid } from '../ids.js';
import { imageDataset } from '../images/repository.js';
import { jobDataset } from '../jobs/dataset.js';
import type { Viewer } from '../keys/caller.js';
import { type FieldTree, parseFields } from '../lists/fields.js';
import {
  type ExportedDataset,
  type Filter,
  type FilterValue,
  fieldsIn,
  isFilterValue,
} from '../lists/list.js';
import { renditionDataset } from '../renditions/repository.js';
import { isStorable } from './literal.js';

/** What can be exported. */
export const exportDatasets = {
  images: imageDataset,
  renditions: renditionDataset,
  jobs: jobDataset,
} as const satisfies Record<string, ExportedDataset>;
/** The name of a dataset. */
export type DatasetName = keyof typeof exportDatasets;
/** The names of all datasets. */
export const datasetNames = ['images', 'renditions', 'jobs'] as const satisfies DatasetName[];

/** Oldest first, or newest first. */
export type ExportSort = 'createdAt' | '-createdAt';

/** What an export holds, whatever its format: checked, and ready to become a statement. */
export interface ExportRequest {
  readonly dataset: ExportedDataset;
  /** Dotted names in the asked order. */
  readonly names: readonly string[];
  /** The same as a tree, a whole field winning over its parts. */
  readonly fields: FieldTree;
  /** By query name, of the type of the filter's column. */
  readonly filters: Readonly<Record<string, FilterValue>>;
  readonly sort: ExportSort;
}

/** The part of a query or body that says what an export holds. */
export interface ExportQuery {
  readonly fields?: unknown;
  readonly sort: ExportSort;
  readonly [name: string]: unknown;
}

/**
 * Reads what an export should hold: fields as in lists (`fields=` or `fields[dataset]=`), filters, order.
 *
 * @param query after the schema with {@link filterProperties}
 * @param viewer whose rows they are to be: not everybody sees every field
 * @param filterPath what stands before a filter's name in the path of an error
 * @throws Problem FIELD_UNKNOWN or VALIDATION_FAILED (400) for what the schema cannot see
 */
export function readExportRequest(
  dataset: ExportedDataset,
  query: ExportQuery,
  viewer: Viewer,
  filterPath = '',
): ExportRequest {
  const asked = fieldsIn(query, dataset) ?? { path: 'fields', text: dataset.ownFields.join(',') };
  const fields = parseFields(asked.text, datasetFor(dataset, viewer).schema, asked.path);
  const filters = Object.entries(dataset.filters).flatMap(([name, filter]) => {
    const value = query[name];
    return isFilterValue(value) ? [[name, checked(`${filterPath}${name}`, filter, value)] as const] : [];
  });
  return {
    dataset,
    names: asked.text.split(',').map((name) => name.trim()),
    fields,
    filters: Object.fromEntries(filters),
    sort: query.sort,
  };
}

/** What a schema lets through and PostgreSQL would stumble over. */
function checked(path: string, { type }: Filter, value: FilterValue): FilterValue {
  if (typeof value !== 'string') return value;
  if (!isStorable(value))
    throw invalidField(path, 'holds a NUL or half a character, which no text here does');
  if (type === 'uuid' && !isUuid(value)) throw invalidField(path, 'is not a UUID');
  if (type !== 'timestamp') return value;
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) throw invalidField(path, 'is not a time that is known here');
  // To the millisecond, as lists compare it.
  return time.toISOString();
}
