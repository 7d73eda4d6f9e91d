import { type TObject, Type } from 'typebox';
import { type Dataset, filterProperties } from '../lib/lists/list.js';

/** A reference to a schema that the app knows by its `$id`. */
export const ref = (
  id:
    | 'Image'
    | 'Upload'
    | 'Rendition'
    | 'RenditionOptions'
    | 'Job'
    | 'Export'
    | 'Preset'
    | 'Schedule'
    | 'Webhook'
    | 'WebhookWithSecret'
    | 'Delivery'
    | 'Key'
    | 'KeyWithSecret'
    | 'Tenant'
    | 'Problem',
) => ({
  $ref: `${id}#`,
});

/**
 * The query of a list route: its place in the list, its fields, and the dataset's own filters.
 *
 * @param fixed a filter that the route's path has set already
 */
export function listQuery(dataset: Dataset, fixed?: string) {
  const query = Type.Object(
    {
      limit: Type.Integer({ minimum: 1, maximum: 200, default: 20, description: 'Rows a page' }),
      after: Type.Optional(Type.String({ description: 'A nextCursor: the rows after it' })),
      before: Type.Optional(Type.String({ description: 'A previousCursor: the rows before it' })),
      page: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'A page, from 1; instead of a cursor' }),
      ),
      withTotal: Type.Optional(Type.Boolean({ description: 'Count all rows too' })),
      sort: Type.Enum(['createdAt', '-createdAt'], {
        default: '-createdAt',
        description: 'Order; - is descending',
      }),
      fields: Type.Optional(Fields),
    },
    { additionalProperties: false },
  );
  const { [fixed ?? '']: _, ...filters } = filterProperties(dataset);
  // Beside JSON:API's spelling of fields; computed names would cost the others their types.
  Object.assign(query.properties, filters, { [`fields[${dataset.name}]`]: Type.Optional(Fields) });
  return query;
}

const Fields = Type.String({ minLength: 1, description: 'Only these fields: dotted names, by commas' });

const PaginationSchema = Type.Object({
  limit: Type.Integer({ description: 'Rows a page' }),
  nextCursor: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  previousCursor: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  page: Type.Optional(Type.Integer()),
  pages: Type.Optional(Type.Integer()),
  total: Type.Optional(Type.Integer({ description: 'All rows; counted only when asked' })),
});

/** The answer of a list route. Every field of its rows is optional, because `fields` chooses. */
export function listAnswer(row: TObject) {
  return {
    type: 'object',
    required: ['data', 'pagination'],
    properties: { data: { type: 'array', items: sparse(row) }, pagination: PaginationSchema },
  };
}

/** A schema in which nothing is required, all the way down. */
export function sparse(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(sparse);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(
    ([name]) => name !== '$id' && !(name === 'required' && 'properties' in schema),
  );
  return Object.fromEntries(kept.map(([name, inner]) => [name, sparse(inner)]));
}

const bytesAnswer = (description: string) => ({
  description,
  content: { '*/*': { schema: { type: 'string', contentEncoding: 'binary' } } },
});

/** The answers of a file's bytes. */
export const fileAnswers = {
  200: bytesAnswer('The whole file'),
  206: bytesAnswer('A range of it'),
  304: { description: 'The client has it', type: 'null' },
};
