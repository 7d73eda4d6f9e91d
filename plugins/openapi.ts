import fastifyHelmet from '@fastify/helmet';
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { ExportSchema } from '../lib/exports/schema.js';
import { ImageSchema } from '../lib/images/schema.js';
import { JobSchema } from '../lib/jobs/schema.js';
import { KeySchema, KeyWithSecretSchema } from '../lib/keys/schema.js';
import { DeliverySchema } from '../lib/notifications/delivery-schema.js';
import { RenditionOptionsSchema } from '../lib/renditions/options-schema.js';
import { RenditionSchema } from '../lib/renditions/schema.js';
import { ScheduleSchema } from '../lib/schedules/schema.js';
import { ProblemSchema } from '../lib/schemas.js';
import { TenantSchema } from '../lib/tenants/schema.js';
import { UploadSchema } from '../lib/uploads/schema.js';
import { WebhookSchema, WebhookWithSecretSchema } from '../lib/webhooks/schema.js';

const PresetSchema = Type.Object(
  {
    name: Type.String({ description: 'Name of the preset' }),
    options: Type.Object({}, { additionalProperties: true, description: 'Rendition options' }),
    builtIn: Type.Boolean({ description: 'Comes with the service and cannot be changed' }),
  },
  { $id: 'Preset', description: 'Rendition options under a name' },
);

/** What every POST takes; for the document only, `plugins/idempotency.ts` reads it. */
const PostHeaders = Type.Object({
  'Idempotency-Key': Type.Optional(
    Type.String({
      description:
        'A name for this request, of 1 to 255 characters and best a UUID, kept for 24 hours: the same request with the same key gets the first answer again, with `Idempotency-Replayed: true`; another request with it a 422, and one that comes while the first is in flight a 409',
    }),
  ),
});

/** How an error answer is documented: every operation has it. */
const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
});

/**
 * The OpenAPI document, made from the routes' own schemas, at `/openapi.json`, and Swagger UI at
 * `/docs`. The pages are the only HTML here, so they alone carry Helmet's headers.
 */
export default fp(
  async (app) => {
    for (const schema of [
      ProblemSchema,
      RenditionSchema,
      ImageSchema,
      UploadSchema,
      JobSchema,
      ExportSchema,
      PresetSchema,
      WebhookSchema,
      WebhookWithSecretSchema,
      DeliverySchema,
      ScheduleSchema,
      KeySchema,
      KeyWithSecretSchema,
      TenantSchema,
    ])
      app.addSchema(schema);
    app.addSchema({ ...RenditionOptionsSchema, $id: 'RenditionOptions' });

    app.addHook('onRoute', (route) => {
      if (!route.schema || route.schema.hide) return;
      const answers = typeof route.schema.response === 'object' ? route.schema.response : {};
      route.schema.response = {
        ...answers,
        '4xx': problemAnswer('What the client can mend'),
        '5xx': problemAnswer('What it cannot'),
      };
    });

    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Halftone',
          version: '1',
          description: 'Image uploads, renditions in the background, jobs to follow.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        components: {
          securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key' } },
        },
        tags: [
          { name: 'images', description: 'Uploads and what is known of them' },
          { name: 'uploads', description: 'Images in parts, by tus' },
          { name: 'renditions', description: 'Resized, cropped and re-encoded copies' },
          { name: 'jobs', description: 'The work in the background' },
          { name: 'batches', description: 'Renditions of many images, and what comes after them' },
          { name: 'exports', description: 'The rows, and the files, as one file' },
          { name: 'presets', description: 'Named rendition options' },
          { name: 'webhooks', description: 'Who is told what has happened' },
          { name: 'keys', description: 'Who may do what' },
          { name: 'tenants', description: 'What each may have' },
          { name: 'system', description: 'For operators' },
        ],
      },
      transform: ({ schema, url, route }) => ({
        url,
        schema: {
          ...schema,
          ...(url.startsWith('/v1/') && { security: [{ key: [] }] }),
          ...([route.method].flat().includes('POST') && { headers: PostHeaders }),
        },
      }),
      refResolver: {
        buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`),
      },
    });
    app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
      reply.header('cache-control', 'no-cache').send(app.swagger()),
    );
    await app.register(async (pages) => {
      await pages.register(fastifyHelmet, {
        // Halftone itself speaks plain HTTP: a browser that upgrades the page's own scripts finds nothing.
        contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
      });
      await pages.register(fastifySwaggerUi, {
        routePrefix: '/docs',
        uiConfig: { url: '/openapi.json', tryItOutEnabled: true },
      });
    });
  },
  { name: 'openapi', dependencies: ['problem-details'] },
);
