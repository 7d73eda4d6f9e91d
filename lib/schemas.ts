import { type TSchema, Type } from 'typebox';

/** A UUID. */
export const Id = (description: string) => Type.String({ format: 'uuid', description });
/** An RFC 3339 time in UTC with milliseconds. */
export const Time = (description: string) => Type.String({ format: 'date-time', description });
/** A SHA-256 in hexadecimal. */
export const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the bytes, in hexadecimal',
});
/** A size in bytes. */
export const Bytes = Type.Integer({ minimum: 0, description: 'Size in bytes' });
/** A width or height in pixels. */
export const Pixels = (description: string) =>
  Type.Integer({ minimum: 1, description: `${description}, in pixels` });
/** A value that may be null. */
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** An error answer: RFC 9457, `application/problem+json`. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Path of the description of this kind of problem' }),
    title: Type.String({ description: 'What kind of problem it is' }),
    status: Type.Integer({ description: 'The HTTP status' }),
    detail: Type.String({ description: 'What went wrong this time' }),
    instance: Type.Optional(Type.String({ description: 'Id of the request' })),
    code: Type.String({ pattern: '^[A-Z][A-Z0-9_]*$', description: 'What a program branches on' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'Where the value stands' }),
          message: Type.String({ description: 'What it got and what it takes' }),
        }),
      ),
    ),
  },
  { $id: 'Problem', description: 'An error (RFC 9457)' },
);
